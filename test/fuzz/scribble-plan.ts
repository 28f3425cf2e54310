import type { PipeOptions } from 'threadpipe'
import * as layout from '../../src/layout.ts'
import { Random } from './random.ts'

/** What one case of scribbling does, drawn from its seed and number alone: every thread of a cell draws the same. */

export const ERROR_BYTES = 256

/** The pipes of a cell. Each case takes one and finds it as new. */
export const SHAPES: readonly PipeOptions[] = [
  { window: 64, errorBytes: ERROR_BYTES },
  { window: 1000, errorBytes: ERROR_BYTES },
  { window: 65_536, errorBytes: ERROR_BYTES },
  { capacity: 1, errorBytes: ERROR_BYTES },
  { capacity: 100, errorBytes: ERROR_BYTES },
  { capacity: 6000, errorBytes: ERROR_BYTES },
]

/** Threads of a cell that call; the first half of them can write, the others read. */
export const ACTORS = 4

export type CallPlan =
  | { do: 'move' | 'pieces' | 'in place'; awaited: boolean; size: number; timeout: number; used: number }
  | { do: 'close' | 'close with error' | 'abort' | 'stats' | 'open again' }

/** When a stroke is made: after some looks, or when the handoff word next changes, or reaches a state. */
export type Moment = { looks: number } | { change: true } | { state: number }

export interface Stroke {
  moment: Moment
  writes: Write[]
  /** How often it is written, each time after the next look. */
  times: number
  /** Whether sleepers are told to look. */
  wakes: boolean
}

/** Bytes at a byte of the memory: words, floats, or text. */
export interface Write {
  at: number
  bytes: Uint8Array
}

export interface CasePlan {
  shape: number
  /** The calls of each actor; none if it sits this case out. */
  calls: CallPlan[][]
  strokes: Stroke[]
}

const HOT_WORDS = [
  layout.HANDOFF,
  layout.FILLED,
  layout.DRAINED,
  layout.STORED,
  layout.CUT_AT,
  layout.LENT_TO,
  layout.PAST_END,
  layout.PAST_END + 1,
  layout.WRITE_LOCK,
  layout.READ_LOCK,
  layout.LEFT * 2,
  layout.LEFT * 2 + 1,
]
const DONE_WORDS = [layout.WRITER_DONE, layout.READER_DONE, layout.ABORT_DONE]
const STATES = [layout.IDLE, layout.OFFERED, layout.TAKING, layout.CUT, layout.LENT]
/** Words, and the state of the slot that makes them count. */
const SAID_WITH = [
  [layout.CUT_AT, layout.CUT],
  [layout.LENT_TO, layout.LENT],
  [layout.DRAINED, layout.OFFERED],
  [layout.FILLED, layout.OFFERED],
  [layout.LEFT * 2, layout.OFFERED],
] as const
const EXTREMES = [0, 1, -1, 2, 0x7fff_ffff, -0x8000_0000, 0x7fff_fffe, -0x7fff_ffff, 0x4000_0000, 63, 64, 65, 4096]
const FLOATS = [0, -0, -1, 0.5, 1, 7, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, Infinity, -Infinity, Number.NaN]
/** Errors as they would travel, so that a scribble can make one appear. */
const TEXTS = [
  '{"c":"Error","n":"Error","m":"scribbled"}',
  '{"c":"AggregateError","n":"AggregateError","m":"scribbled","a":[{"c":"Error","n":"E","m":"scribbled"}]}',
  '{"c":"DOMException","n":"DataError","m":"scribbled","p":{"__proto__":1,"message":2,"bytesRead":{}}}',
  '{"c":"Error","m":null,"e":{"e":{"e":{}}},"v":1,"p":[1]}',
  '{"c":"toString","n":[],"m":{"toString":1},"a":{}}',
  'null',
  '[[[[',
]
/** What the layout calls a word; parts of a lock or an event are found from their first word. */
const WORDS: readonly number[] = namedWords()
const TIMEOUTS = [0, 1, 3, 5, 8, 20]
const encoder = new TextEncoder()

export function planOf(seed: number, number: number): CasePlan {
  const random = new Random(seed, number)
  const shape = random.below(SHAPES.length)
  const options = SHAPES[shape] as PipeOptions
  const calls = Array.from({ length: ACTORS }, () => [] as CallPlan[])
  // One writer and one reader at least
  const active = [0, ACTORS / 2]
  for (let actor = 0; actor < ACTORS; actor += 1) if (random.oneIn(4)) active.push(actor)
  for (const actor of new Set(active)) {
    calls[actor] = Array.from({ length: random.between(1, 4) }, () => callOf(random, options))
  }
  const strokes = Array.from({ length: random.between(1, 6) }, () => strokeOf(random))
  return { shape, calls, strokes }
}

function callOf(random: Random, { capacity = 0, window = 0 }: PipeOptions): CallPlan {
  if (random.oneIn(25)) {
    return { do: random.pick(['close', 'close with error', 'abort', 'stats', 'open again'] as const) }
  }
  const inPlace = random.oneIn(4)
  const limit = capacity > 0 ? capacity : window
  const size = random.pick([0, 1, random.below(64), random.below(300), random.below(3 * limit + 1), limit])
  return {
    do: inPlace ? 'in place' : random.pick(['move', 'move', 'pieces'] as const),
    awaited: random.oneIn(2),
    size: inPlace ? Math.min(size, limit) : size,
    timeout: random.pick(TIMEOUTS),
    used: random.pick([0, 1, 10, 1e9]),
  }
}

function strokeOf(random: Random): Stroke {
  return {
    moment: momentOf(random),
    writes: writesOf(random),
    times: random.oneIn(8) ? random.between(2, 100) : 1,
    wakes: random.oneIn(2),
  }
}

function momentOf(random: Random): Moment {
  switch (random.below(4)) {
    case 0:
      return { change: true }
    case 1:
      return { state: random.pick([layout.TAKING, ...STATES]) }
    default:
      return { looks: random.pick([0, random.below(100), random.below(3000), random.below(10_000)]) }
  }
}

function writesOf(random: Random): Write[] {
  switch (random.below(10)) {
    case 0:
      // An ending that says it has a text, and the text
      return endingOf(random)
    case 1: {
      const at = random.below(layout.windowOffset(ERROR_BYTES) - 16)
      return [{ at, bytes: Uint8Array.from({ length: random.between(1, 16) }, () => random.word()) }]
    }
    case 2: {
      const float = random.pick([layout.LEFT, layout.WRITTEN, layout.WRITES, layout.READ, layout.READS])
      return [{ at: float * Float64Array.BYTES_PER_ELEMENT, bytes: raw(Float64Array.of(random.pick(FLOATS))) }]
    }
    case 3: {
      const [said, state] = random.pick(SAID_WITH)
      const to = layout.inState(handoffOf(random), state)
      return [
        wordAt(random, said),
        { at: layout.HANDOFF * Int32Array.BYTES_PER_ELEMENT, bytes: raw(Int32Array.of(to)) },
      ]
    }
    case 4:
      if (random.oneIn(2)) return pastEndOf(random)
      return [wordAt(random, random.pick(WORDS))]
    default:
      return Array.from({ length: random.between(1, 2) }, () => wordAt(random, random.pick(HOT_WORDS)))
  }
}

/** Where the first bytes of both laps of a buffer's ring lie. */
function pastEndOf(random: Random): Write[] {
  return [layout.PAST_END, layout.PAST_END + 1].map((word) => {
    const bytes = random.pick([random.below(9), random.below(300), random.word(), plausible(random, word)])
    return { at: word * Int32Array.BYTES_PER_ELEMENT, bytes: raw(Int32Array.of(bytes)) }
  })
}

function wordAt(random: Random, word: number): Write {
  return { at: word * Int32Array.BYTES_PER_ELEMENT, bytes: raw(Int32Array.of(plausible(random, word))) }
}

function endingOf(random: Random): Write[] {
  const done = random.pick(DONE_WORDS)
  const text = encoder.encode(random.pick(TEXTS))
  const asItWouldBe = random.oneIn(2)
  const lengths = [text.length, 1, 0, -1, ERROR_BYTES, ERROR_BYTES + 1, 0x7fff_ffff, -0x8000_0000]
  const states = [layout.FAILED, layout.WRITING, layout.CLOSED, random.below(9)]
  const length = asItWouldBe ? text.length : random.pick(lengths)
  const state = asItWouldBe ? layout.FAILED : random.pick(states)
  return [
    { at: layout.errorOffset(done, ERROR_BYTES), bytes: text },
    { at: done * Int32Array.BYTES_PER_ELEMENT, bytes: raw(Int32Array.of(state, length)) },
  ]
}

/** Values that a word could have, and such that it never has. */
function plausible(random: Random, word: number): number {
  switch (random.below(7)) {
    case 0:
      return random.word()
    case 1:
      return random.pick(EXTREMES)
    case 2:
      return random.pick(EXTREMES) + random.between(-2, 2)
    case 3:
      return random.below(200)
    case 4:
      return layout.reservedFor(random.pick([random.below(layout.MAX_QUEUED), layout.MAX_QUEUED, random.below(500)]))
    default:
      return word === layout.HANDOFF ? handoffOf(random) : random.between(-4, 20)
  }
}

function handoffOf(random: Random): number {
  const ended = random.oneIn(6) ? layout.ENDED : 0
  return layout.inState(layout.ONE_OFFER * random.below(4) + ended, random.pick(STATES))
}

function namedWords(): number[] {
  const end = layout.errorOffset(layout.WRITER_DONE, ERROR_BYTES) / Int32Array.BYTES_PER_ELEMENT
  // Its small numbers that are no words, such as states, are words of the first line here.
  const words = Object.values(layout).filter((value) => typeof value === 'number' && value < end) as number[]
  for (const lock of [layout.WRITE_LOCK, layout.READ_LOCK]) {
    words.push(lock + layout.WAITERS_OFFSET, lock + layout.ROTATION_OFFSET, lock + layout.NEXT_OFFSET)
    for (let place = 0; place <= layout.MAX_QUEUED; place += 1) words.push(layout.queueEvent(lock, place))
  }
  for (const event of [layout.WRITER_EVENT, layout.READER_EVENT]) words.push(event + layout.PARKED_OFFSET)
  for (const done of DONE_WORDS) words.push(done + layout.ERROR_LENGTH_OFFSET)
  for (const float of [layout.WRITER_WAIT, layout.READER_WAIT]) words.push(float * 2, float * 2 + 1)
  return [...new Set(words)]
}

function raw(values: Int32Array | Float64Array): Uint8Array {
  return new Uint8Array(values.buffer as ArrayBuffer)
}
