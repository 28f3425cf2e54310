import { readFileSync } from 'node:fs'
import type { Result } from './report.ts'

/** What threadpipe aims at, as ratios of figures of one run, and whether it is reached; made of what is filed under `bench/results`. */

interface Aim {
  what: string
  /** At most this, or at least. */
  bound: ['≤' | '≥', number]
  reached(figures: Figures): number
  /** What the same comes to for the limit in C, and in JavaScript. */
  limits?: ((figures: Figures) => number)[]
}

type Figures = (scenario: string, label: string, ...names: string[]) => number

const [OWN, GO, FIFO] = ['threadpipe', "Go's io.Pipe", 'kernel FIFO'] as const
const [C, JAVASCRIPT] = ['the limit, in C', 'the limit, in JavaScript'] as const
const [BUFFERED, ROOMY] = ['threadpipe, buffered', 'threadpipe, large buffer'] as const
const IN_PLACE = ['threadpipe, read in place', 'threadpipe, written in place'] as const

function shareOfIdeal(label: string, names: readonly string[]): Aim['reached'] {
  return (f) => Math.max(f('work', label, 'fill'), f('work', label, 'hash')) / f('work', label, ...names)
}

/** The least of some contestants counts: whoever wants it fast can take that one. Beside it stands what the limit comes to. */
function share(label: string, what: string, names: readonly string[], bound: number, limit: string): Aim {
  return {
    what: `work, ${label}, ${what}: share of the ideal`,
    bound: ['≥', bound],
    reached: shareOfIdeal(label, names),
    limits: [() => Number.NaN, shareOfIdeal(label, [limit])],
  }
}

/** The fastest of some contestants beside another one: its time as a multiple of theirs where it shall be at least something, else theirs of its own. */
function times(
  what: string,
  [scenario, label, other]: [string, string, string],
  bound: Aim['bound'],
  ...names: string[]
): Aim {
  const ratio = (f: Figures): number => f(scenario, label, ...names) / f(scenario, label, other)
  // Where a contestant is missing its time is infinite, and the ratio none.
  return { what, bound, reached: (f) => (bound[0] === '≤' ? ratio(f) : 1 / ratio(f)) || Number.NaN }
}

/** The same for one's own contestants, and beside that what the limits come to, where there are such. */
function limited(ratio: (...names: string[]) => Aim, names: readonly string[], c: string, javascript: string): Aim {
  return { ...ratio(...names), limits: [c, javascript].map((limit) => ratio(limit).reached) }
}

const NO_LIMIT = 'none'

/** A send beside one of another. */
function beside(other: string, text: string, label: string, bound: number): Aim {
  const ratio = (...names: string[]) =>
    times(`a send of ${label}, copied, beside ${text}`, ['rendezvous', label, other], ['≤', bound], ...names)
  return limited(ratio, [OWN], C, JAVASCRIPT)
}

/** A send beside Go's, where one side need not copy. */
function inPlaceBesideGo(label: string): Aim {
  const ratio = (...names: string[]) =>
    times(`a send of ${label}, in place on one side, beside Go's`, ['rendezvous', label, GO], ['≤', 1], ...names)
  return limited(ratio, IN_PLACE, `${C}, in place`, NO_LIMIT)
}

/** Writes into a buffer beside those of another. */
function bufferedBeside(other: string, text: string, bound: number): Aim {
  const factor = (...names: string[]) =>
    times(`writes of 64 B, buffered: faster than ${text}`, ['buffered', '64 B', other], ['≥', bound], ...names)
  return limited(factor, [BUFFERED], NO_LIMIT, `${JAVASCRIPT}, buffered`)
}

/** A reader that awaits beside that of another; the limit is what bytes take that are copied into a buffer and out of it by threads that spin. */
function readerAwaits(label: string, other: string): Aim {
  const factor = (...names: string[]) =>
    times(`the reader awaits, ${label}: faster than ${other}`, ['awaited', label, other], ['≥', 10], ...names)
  return limited(factor, READER_AWAITS, NO_LIMIT, `${JAVASCRIPT}, large buffer`)
}

/** Eight in a row beside those of another. */
function inARow(label: string, other: string, text: string, bound: Aim['bound']): Aim {
  const ratio = (...names: string[]) => times(`8 in a row, ${label}${text}`, ['chain', label, other], bound, ...names)
  return limited(ratio, [OWN, BUFFERED, ROOMY, `${ROOMY}, passed on in place`], C, `${JAVASCRIPT}, sleeping`)
}

const besideGo = (label: string, bound: number): Aim => beside(GO, "Go's", label, bound)
const besideC = (label: string, bound: number): Aim => beside(C, 'C', label, bound)

const WORK = ['4 KiB', '16 KiB', '64 KiB', '1 MiB']
const READER_AWAITS = ['threadpipe, the reader awaits', 'threadpipe, large buffer, the reader awaits']

const AIMS: readonly Aim[] = [
  besideGo('1 B', 0.5),
  besideGo('64 B', 0.55),
  besideGo('1 KiB', 0.65),
  besideGo('4 KiB', 1),
  besideGo('64 KiB', 1.4),
  besideGo('1 MiB', 1.4),
  besideGo('16 MiB', 2),
  ...['1 B', '64 B', '1 KiB'].map((label) => besideC(label, 1.5)),
  ...['4 KiB', '64 KiB', '1 MiB', '16 MiB'].map((label) => besideC(label, 1.3)),
  ...['64 KiB', '1 MiB', '16 MiB'].map(inPlaceBesideGo),
  share('256 B', 'buffered', [ROOMY], 0.9, `${JAVASCRIPT}, large buffer`),
  ...WORK.map((label) => share(label, 'copied', [OWN, ROOMY], 0.95, `${JAVASCRIPT}, large buffer`)),
  ...WORK.map((label) =>
    share(
      label,
      'in place',
      ['threadpipe, written in place', 'threadpipe, buffered, in place'],
      0.97,
      `${JAVASCRIPT}, in place`,
    ),
  ),
  ...WORK.map((label) => times(`work, ${label}, copied, beside Go's`, ['work', label, GO], ['≤', 1], OWN, ROOMY)),
  times(
    'a send of 64 KiB, misaligned: throughput beside aligned',
    ['misaligned', '64 KiB', OWN],
    ['≥', 0.9],
    'threadpipe, misaligned',
  ),
  bufferedBeside('ringbuf.js', 'ringbuf.js', 2),
  bufferedBeside(FIFO, 'the kernel FIFO', 10),
  times('a parked round trip beside Atomics.wait', ['parked', '1 B', 'Atomics.wait and notify'], ['≤', 1.1], OWN),
  ...['1 B', '1 KiB', '64 KiB'].flatMap((label) =>
    ['MessagePort, copied', 'web streams, transferred'].map((other) => readerAwaits(label, other)),
  ),
  ...['64 B', '4 KiB', '64 KiB'].flatMap((label) => [
    inARow(label, FIFO, ': faster than the kernel FIFO', ['≥', 2]),
    inARow(label, GO, ", beside Go's", ['≤', 1]),
  ]),
  ...['2 in a row, 64 B', '8 in a row, 64 B', '2 in a row, 4096 B', '8 in a row, 4096 B'].map((label) =>
    times(
      `${label}: spinning beside parking at once`,
      ['spinning', label, 'threadpipe, parking at once'],
      ['≤', 1.1],
      OWN,
    ),
  ),
  {
    what: 'CPU of all threads while a pipe is blocked for 10 s, ms',
    bound: ['≤', 10],
    reached: (f) => f('rest', 'CPU of all threads while a pipe is blocked for 10 s, ms', OWN),
  },
  ...[
    'heap per blocking write of 1 B, of 1,000,000, bytes',
    ...[16, 64, 4096].map((n) => `heap per write and read of ${n} B, buffered, bytes`),
  ].map((label): Aim => ({ what: label, bound: ['≤', 1], reached: (f) => f('rest', label, OWN) })),
]

/** The table of what is reached. @param folder where the results are filed */
export function aimsTable(folder: URL): string {
  const results = new Map<string, Result | undefined>()
  const resultOf = (scenario: string): Result | undefined => {
    if (!results.has(scenario)) results.set(scenario, read(new URL(`${scenario}.json`, folder)))
    return results.get(scenario)
  }
  const figures: Figures = (scenario, label, ...names) => {
    const point = resultOf(scenario)?.points.find((point) => point.label === label)
    return Math.min(...(point?.figures ?? []).filter(({ name }) => names.includes(name)).map(({ median }) => median))
  }
  const rows = AIMS.map(({ what, bound: [sign, bound], reached, limits }) => {
    const value = reached(figures)
    const isMet = sign === '≤' ? value <= bound : value >= bound
    const cells = [
      what,
      `${sign} ${bound}`,
      isMet ? text(value) : `**${text(value)}**`,
      ...(limits?.map((limit) => text(limit(figures))) ?? ['', '']),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return [
    'What threadpipe aims at, as ratios of figures of one run. What is not reached stands in bold; [speed.md](../../docs/speed.md) says why. Where there are',
    'several ways to send, the fastest counts.',
    '',
    '| what | aim | reached | C comes to | JavaScript comes to |',
    '| --- | ---: | ---: | ---: | ---: |',
    ...rows,
  ].join('\n')
}

function read(file: URL): Result | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Result
  } catch {
    return undefined
  }
}

/** Without one of the two contestants there is nothing to say. */
function text(value: number): string {
  if (!Number.isFinite(value)) return '–'
  return value === 0 ? '0' : value.toPrecision(value >= 100 ? 3 : 2)
}
