import type { CheckKind } from './checks.ts'
import { HEADER_BYTES, MAX_MESSAGE_BYTES } from './content.ts'
import { Random } from './random.ts'

/** What one pipe of a soak is to go through, drawn from the seed and the number of the pipe alone. */

/** The share of pipes with deaths whose threads nobody watches: whoever waits must see for himself. Only Linux tells a thread about others. */
const UNWATCHED_SHARE = process.platform === 'linux' ? 0.5 : 0

export type WriteWay =
  | 'writeSync'
  | 'write'
  | 'writevSync'
  | 'writev'
  | 'writeInPlaceSync'
  | 'writeInPlace'
  | 'stringSync'
  | 'string'
  | 'copySync'
  | 'copy'
  | 'copyNSync'
  | 'copyN'
  | 'burst'

export type ReadWay =
  | 'readSync'
  | 'read'
  | 'readInPlaceSync'
  | 'readInPlace'
  | 'iteratorSync'
  | 'iterator'
  | 'copySync'
  | 'copy'
  | 'copyNSync'
  | 'copyN'
  | 'readFullSync'
  | 'readFull'
  | 'readAtLeastSync'
  | 'readAtLeast'
  | 'readAllSync'
  | 'readAll'

const WRITE_WAYS: WriteWay[] = [
  ...(['writeSync', 'writeSync', 'write', 'writevSync', 'writev', 'writeInPlaceSync', 'writeInPlace'] as const),
  ...(['stringSync', 'string', 'copySync', 'copy', 'copyNSync', 'copyN', 'burst'] as const),
]
const READ_WAYS: ReadWay[] = [
  ...(['readSync', 'readSync', 'read', 'readInPlaceSync', 'readInPlace', 'iteratorSync', 'iterator'] as const),
  ...(['copyNSync', 'copyN', 'readFullSync', 'readFull', 'readAtLeastSync', 'readAtLeast'] as const),
]
/** Ways that go on to the end, so that nothing can be planned for later. */
const ENDLESS_READ_WAYS: ReadWay[] = ['copySync', 'copy', 'readAllSync', 'readAll']
/** Ways by which each read gives one whole message. */
const WHOLE_READ_WAYS: ReadWay[] = ['readSync', 'readSync', 'read', 'iteratorSync', 'iterator']

export type Half = 'reader' | 'writer'

export interface PlannedError {
  class: 'Error' | 'TypeError' | 'RangeError'
  message: string
}

export const DEATHS = [
  'terminate',
  'uncaught error',
  'process.exit',
  'unhandled rejection',
  'natural end',
  'out of memory',
] as const
export type DeathKind = (typeof DEATHS)[number]

export interface Death {
  kind: DeathKind
  /** Where it strikes: at any moment (terminate only), between two operations, amid an awaited one, or in a callback that has bytes lent. */
  where: 'anywhere' | 'between' | 'pending' | 'callback'
  /** At which operation. */
  at: number
}

export type Ending =
  /** The writers finish, then the writer is closed. */
  | { kind: 'complete'; by: 'main' | 'last writer' }
  | { kind: 'close'; half: Half; error: PlannedError | undefined; by: 'main' | 'itself'; at: number }
  | { kind: 'abort'; error: PlannedError; by: 'main' | 'writer' | 'reader' | 'third thread'; at: number }
  | { kind: 'deaths' }

export interface SidePlan<Way> {
  seed: number
  /** The main thread does it, which must not block. */
  main: boolean
  ways: Way[]
  death: Death | undefined
  /** Performs the ending of the pipe. */
  ends: boolean
}

export interface PipePlan {
  number: number
  capacity: number
  window: number
  check: CheckKind
  /** Messages too short for a header are there. */
  tiny: boolean
  /** A write that was cut short is gone on with, so that the stream has no gap. */
  continuing: boolean
  /** Readers must be ready for messages that end early, with others behind them. */
  cuttable: boolean
  /** The longest message and target. */
  maxBytes: number
  maxTarget: number
  /** How much each writer has to write at least, unless the pipe ends before. */
  operations: number
  bytes: number
  /** The share of operations with a short time-out or a signal. */
  interrupted: number
  ending: Ending
  /** The time until what the main thread does, in ms. */
  afterMs: number
  watched: boolean
  writers: SidePlan<WriteWay>[]
  readers: SidePlan<ReadWay>[]
}

/** What ends pipes, in turn, so that a short soak has it all. */
const ENDINGS = [
  ...(['complete', 'deaths', 'close writer', 'complete', 'deaths', 'abort', 'complete', 'deaths'] as const),
  ...(['close reader', 'complete', 'deaths', 'abort', 'complete', 'deaths'] as const),
]
const DEATHS_EACH = ENDINGS.filter((ending) => ending === 'deaths').length
const DEATHS_IN_TURN: DeathKind[] = [
  ...(['terminate', 'process.exit', 'uncaught error', 'terminate', 'natural end', 'unhandled rejection'] as const),
  ...(['terminate', 'uncaught error', 'process.exit', 'terminate', 'out of memory'] as const),
]
const WHERE: Record<DeathKind, Death['where'][]> = {
  terminate: ['anywhere', 'anywhere', 'anywhere', 'pending', 'callback'],
  'uncaught error': ['between', 'pending'],
  'process.exit': ['between', 'pending', 'callback'],
  'unhandled rejection': ['between', 'pending'],
  'natural end': ['between'],
  'out of memory': ['between', 'callback'],
}

/** Room for a message of any kind, also where windows are smaller. */
const MIN_STAGING = 64
/** What most windows and buffers have at least: through narrower ones little goes in the same time. */
const WIDE = 4096
const MAX_WINDOW = 256 * 1024
const MAX_CAPACITY = 1024 * 1024

export function planPipe(seed: number, number: number): PipePlan {
  const random = new Random(seed, number)
  const buffered = random.chance(0.45)
  const narrow = random.chance(0.3) ? 1 : WIDE
  const capacity = buffered ? random.skewed(narrow, MAX_CAPACITY) : 0
  const window = random.skewed(narrow, MAX_WINDOW)
  const staging = Math.max(MIN_STAGING, buffered ? capacity : window)
  const scale = random.pick([500, 4096, 20_000, 64 * 1024, 512 * 1024, MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES])
  const maxBytes = Math.max(HEADER_BYTES, Math.min(scale, (buffered ? Math.max(capacity, 4) : staging) * 512))
  const counts = [1, 1, 1, 2, 2, 3]
  const [writers, readers] = [random.pick(counts), random.pick(counts)]
  const interrupted = random.chance(0.4) ? 0 : random.pick([0.05, 0.2, 0.5])
  const ending = planEnding(random, number)
  const cuttable = writers > 1 && (interrupted > 0 || ending.kind === 'deaths')
  // Where several writes in a row can be cut within their headers, nobody could tell from the stream which bytes are whose.
  const legible = !cuttable || (buffered && capacity >= WIDE)
  const check: CheckKind = readers === 1 && legible ? 'stream' : !buffered && random.chance(0.6) ? 'messages' : 'sums'
  const plan: PipePlan = {
    number,
    capacity,
    window,
    check,
    tiny: !cuttable && random.chance(0.5),
    continuing: writers === 1 && check !== 'messages',
    cuttable,
    maxBytes,
    maxTarget: check === 'messages' ? maxBytes : Math.max(random.skewed(1, 2 * maxBytes), Math.ceil(maxBytes / 256)),
    operations: random.skewed(5, 600),
    bytes: Math.min(16 * MAX_MESSAGE_BYTES, staging * 2048) / writers,
    interrupted,
    ending,
    afterMs: random.skewed(1, 30) - 1,
    watched: ending.kind !== 'deaths' || !random.chance(UNWATCHED_SHARE),
    writers: Array.from({ length: writers }, () => side(random, WRITE_WAYS)),
    readers: Array.from({ length: readers }, () => side(random, check === 'messages' ? WHOLE_READ_WAYS : READ_WAYS)),
  }
  const later = ending.kind === 'deaths' || (ending.kind !== 'complete' && ending.by !== 'main')
  if (check !== 'messages' && !later && random.chance(0.3)) {
    // What readAll has read when an error comes is lost to its caller: no bytes could be counted.
    const ways = ending.kind === 'complete' && maxBytes <= 65536 ? ENDLESS_READ_WAYS : ENDLESS_READ_WAYS.slice(0, 2)
    for (const reader of plan.readers) {
      const blocks = reader.ways.some(isBlocking)
      const awaits = reader.ways.some((way) => !isBlocking(way))
      reader.ways.push(...ways.filter((way) => (isBlocking(way) ? blocks : awaits)))
    }
  }
  assign(random, plan, number)
  return plan
}

function isBlocking(way: string): boolean {
  return way.endsWith('Sync')
}

function side<Way extends string>(random: Random, ways: readonly Way[]): SidePlan<Way> {
  const main = random.chance(0.12)
  const kind = main ? 'awaited' : random.pick(['blocking', 'awaited', 'both', 'one'] as const)
  const fitting = ways.filter((way) => kind === 'both' || kind === 'one' || isBlocking(way) === (kind === 'blocking'))
  return {
    seed: random.below(2 ** 31),
    main,
    ways: kind === 'one' ? [random.pick(fitting)] : fitting,
    death: undefined,
    ends: false,
  }
}

function planEnding(random: Random, number: number): Ending {
  const ending = ENDINGS[number % ENDINGS.length] ?? 'complete'
  const error: PlannedError = {
    class: random.pick(['Error', 'TypeError', 'RangeError'] as const),
    message: `the planned end of pipe ${number}`,
  }
  const at = random.skewed(1, 60) - 1
  switch (ending) {
    case 'complete':
      return { kind: 'complete', by: random.pick(['main', 'last writer'] as const) }
    case 'abort':
      return { kind: 'abort', error, by: random.pick(['main', 'writer', 'reader', 'third thread'] as const), at }
    case 'deaths':
      return { kind: 'deaths' }
    case 'close writer':
    case 'close reader': {
      const half = ending === 'close writer' ? 'writer' : 'reader'
      const by = random.pick(['main', 'itself'] as const)
      return { kind: 'close', half, error: random.chance(0.5) ? error : undefined, by, at }
    }
  }
}

/** Gives the ending to those who perform it. */
function assign(random: Random, plan: PipePlan, number: number): void {
  const { ending } = plan
  if (ending.kind === 'deaths') {
    const before = ENDINGS.slice(0, number % ENDINGS.length).filter((other) => other === 'deaths').length
    const turn = Math.floor(number / ENDINGS.length) * DEATHS_EACH + before
    for (const [i, victim] of victimsOf(random, plan).entries()) {
      const kind = DEATHS_IN_TURN[(turn + i) % DEATHS_IN_TURN.length] ?? 'terminate'
      victim.main = false
      victim.death = { kind, where: random.pick(WHERE[kind]), at: random.skewed(1, 40) - 1 }
    }
  }
  const by = ending.kind === 'close' && ending.by === 'itself' ? ending.half : ending.kind === 'abort' ? ending.by : ''
  if (by === 'writer') random.pick(plan.writers).ends = true
  if (by === 'reader') random.pick(plan.readers).ends = true
}

/** One side or two. A half that nobody watches has ended for certain only when all have died that hold it: so all of them do. */
function victimsOf(random: Random, { watched, writers, readers }: PipePlan): SidePlan<string>[] {
  if (!watched) return random.chance(0.5) ? writers : readers
  const sides: SidePlan<string>[] = [...writers, ...readers]
  return [...new Set([random.pick(sides), ...(random.chance(0.2) ? [random.pick(sides)] : [])])]
}
