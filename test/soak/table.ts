import type { FaultyPipe, SoakResult } from './soak.ts'
import type { Counted } from './tally.ts'
import { FAULTS } from './verdict.ts'

/** The figures of a soak, as a table of Markdown that reads as plain text too. */

const SHARES: Counted[] = ['blocking', 'awaited', 'on the main thread']
const WAYS: Counted[] = ['in place', 'writev', 'strings', 'bursts', 'iterators', 'copy helpers', 'read helpers']
const KILLS: Counted[] = [
  'killed by terminate',
  'killed by uncaught error',
  'killed by process.exit',
  'killed by unhandled rejection',
  'killed by natural end',
  'killed by out of memory',
]
/** Faults that are told in full. */
const TOLD = 20

export function table(result: SoakResult): string {
  const { tally, seed, minutes, lanes, reactions, memory, threads, faults } = result
  const operations = tally.blocking + tally.awaited
  const killed = KILLS.reduce((sum, name) => sum + tally[name], 0)
  const count = (name: Counted): [string, string] => [name, whole(tally[name])]
  const share = (name: Counted, of: number): [string, string] => [
    name,
    `${whole(tally[name])} (${((100 * tally[name]) / Math.max(1, of)).toFixed(1)} %)`,
  ]
  const mean = reactions.sumMs / Math.max(1, reactions.count)
  const rows: [string, string][] = [
    ['seed', `${seed}`],
    ['minutes', minutes.toFixed(2)],
    ['lanes', `${lanes}`],
    count('pipes'),
    share('rendezvous', tally.pipes),
    share('buffered', tally.pipes),
    count('threads started'),
    ['killed', whole(killed)],
    ...KILLS.map(count),
    count('deaths under watch'),
    count('deaths without watch'),
    [
      'death to a survivor’s error',
      `${mean.toFixed(1)} ms, ${reactions.longestMs.toFixed(1)} ms at most (pipe ${reactions.longestPipe})`,
    ],
    ['operations', whole(operations)],
    ...SHARES.map((name) => share(name, operations)),
    ...WAYS.map((name) => share(name, operations)),
    count('writes'),
    count('reads'),
    ['bytes written', bytes(tally['bytes written'])],
    ['bytes read', bytes(tally['bytes read'])],
    ['bytes compared', bytes(tally['bytes compared'])],
    ['bytes summed', bytes(tally['bytes summed'])],
    ...(
      ['closes', 'closeWithErrors', 'aborts', 'time-outs', 'signals', 'callbacks that threw', 'writes cut'] as const
    ).map(count),
    ...FAULTS.map((kind): [string, string] => [kind, `${faults.filter((fault) => fault.kind === kind).length}`]),
    [
      'memory',
      `${memory.start.toFixed(0)} MiB, warm ${memory.warm.toFixed(0)} MiB, at the end ${memory.end.toFixed(0)} MiB`,
    ],
    ['memory grows by', `${memory.slope.toFixed(1)} MiB a minute`],
    [
      'threads left',
      `${threads.known} (${threads.system ?? '?'} in the process, ${threads.systemBefore ?? '?'} at the start)`,
    ],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  const valueWidth = Math.max(...rows.map(([, value]) => value.length))
  const line = (name: string, value: string): string => `| ${name.padEnd(width)} | ${value.padEnd(valueWidth)} |`
  return [
    line('', ''),
    `| ${'-'.repeat(width)} | ${'-'.repeat(valueWidth)} |`,
    ...rows.map(([name, value]) => line(name, value)),
  ].join('\n')
}

/** What went wrong, and how to have it again. */
export function faultReport({ seed, faults }: SoakResult): string {
  const told = faults
    .slice(0, TOLD)
    .map((fault) => `- pipe ${fault.pipe}, ${fault.kind}: ${fault.what}\n  ${planLine(fault)}`)
  const more = faults.length > TOLD ? [`- and ${faults.length - TOLD} more`] : []
  return [`${faults.length} faults. Again: npm run soak -- --seed ${seed} [--pipe NUMBER]`, ...told, ...more].join('\n')
}

function planLine({ plan }: FaultyPipe): string {
  const { number: _number, writers, readers, ...rest } = plan
  const sides = (of: typeof writers | typeof readers): string =>
    of
      .map(({ main, ways, death, ends }) =>
        JSON.stringify({ main, ends, death, ways: [...new Set(ways)].length > 3 ? ways.length : ways }),
      )
      .join(' ')
  return `${JSON.stringify(rest)} writers ${sides(writers)} readers ${sides(readers)}`
}

function whole(n: number): string {
  return n.toLocaleString('en')
}

function bytes(n: number): string {
  return n < 1e9 ? `${(n / 1e6).toFixed(1)} MB` : `${(n / 1e9).toFixed(2)} GB`
}
