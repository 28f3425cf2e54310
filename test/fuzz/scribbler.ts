import {
  errorOffset,
  FREE,
  HANDOFF,
  LENT,
  MAX_QUEUED,
  queueEvent,
  READ_LOCK,
  READER_EVENT,
  STATE,
  WRITE_LOCK,
  WRITER_DONE,
  WRITER_EVENT,
  windowOffset,
} from '../../src/layout.ts'
import { BEAT, type CellData, type CellMessage, DONE, NUMBER, ROUND, type Schedule, STOP } from './cell.ts'
import { count, type Outcomes } from './part.ts'
import { ACTORS, ERROR_BYTES, type Moment, planOf, type Stroke, type Write } from './scribble-plan.ts'

/** How many looks a stroke waits for its moment at most: a fraction of a millisecond. */
const MAX_LOOKS = 10_000
/** How many looks lie between two strokes of a storm, unless something happens. */
const LOOKS_BETWEEN = 200
/** How often the scribbler looks at actors that are not done. */
const LOOK_MS = 200
/** Beyond what holds a call else, the writer of a match that says it is lent is held on purpose; then the scribbler says otherwise. */
const HELD_MS = 800
/** After this a call hangs. Longer than every bound that an actor checks by itself. */
const HANG_MS = 8000

/** Runs the cases of a cell: makes the pipe new, starts the actors, scribbles, and waits for them. */
export function scribble(
  { board, memories, seed }: CellData,
  schedule: Schedule,
  post: (m: CellMessage) => void,
): void {
  const headers = memories.map((memory) => new Uint8Array(memory.slice(0, windowOffset(ERROR_BYTES))))
  const outcomes: Outcomes = {}
  for (let run = schedule.first; run < schedule.end && Atomics.load(board, STOP) === 0; run += schedule.step) {
    const number = schedule.only ?? run
    const { shape, strokes } = planOf(seed, number)
    const memory = memories[shape] as SharedArrayBuffer
    new Uint8Array(memory).set(headers[shape] as Uint8Array)
    Atomics.store(board, NUMBER, number)
    Atomics.store(board, DONE, 0)
    Atomics.add(board, ROUND, 1)
    Atomics.notify(board, ROUND) // tells the actors: a case is on
    for (const stroke of strokes) make(stroke, memory)
    const held = awaitActors(board, memory)
    if (held === 'hung') {
      post({ failure: `a call hangs; beats ${[...board.subarray(BEAT, BEAT + ACTORS)]}`, number })
      return
    }
    count(outcomes, 'scribbles', strokes.length)
    if (held === 'lent') count(outcomes, 'held as lent')
  }
  Atomics.store(board, STOP, 1)
  Atomics.add(board, ROUND, 1)
  Atomics.notify(board, ROUND) // tells the actors: no more
  post({ outcomes, worstMs: 0, copies: 0 })
}

function make({ moment, writes, times, wakes }: Stroke, memory: SharedArrayBuffer): void {
  const words = new Int32Array(memory)
  awaitMoment(moment, words)
  for (let i = 0; i < times; i += 1) {
    for (const each of writes) write(each, memory)
    const now = Atomics.load(words, HANDOFF)
    for (let looks = 0; looks < LOOKS_BETWEEN && Atomics.load(words, HANDOFF) === now; looks += 1);
  }
  if (wakes) wakeSleepers(words)
}

/** Writes whole words as words, others byte by byte. */
function write({ at, bytes }: Write, memory: SharedArrayBuffer): void {
  const wordBytes = Int32Array.BYTES_PER_ELEMENT
  if (at % wordBytes === 0 && bytes.length % wordBytes === 0) {
    new Int32Array(memory, at).set(new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / wordBytes))
  } else {
    new Uint8Array(memory).set(bytes, at)
  }
}

function awaitMoment(moment: Moment, words: Int32Array): void {
  const first = Atomics.load(words, HANDOFF)
  const most = 'looks' in moment ? moment.looks : MAX_LOOKS
  for (let looks = 0; looks < most; looks += 1) {
    const handoff = Atomics.load(words, HANDOFF)
    if ('change' in moment && handoff !== first) return
    if ('state' in moment && (handoff & STATE) === moment.state) return
  }
}

/** Tells those who sleep on any event to look, without a change of its count. */
function wakeSleepers(words: Int32Array): void {
  Atomics.notify(words, WRITER_EVENT)
  Atomics.notify(words, READER_EVENT)
  for (const lock of [WRITE_LOCK, READ_LOCK]) {
    for (let place = 0; place <= MAX_QUEUED; place += 1) Atomics.notify(words, queueEvent(lock, place))
  }
}

function awaitActors(board: Int32Array, memory: SharedArrayBuffer): 'done' | 'lent' | 'hung' {
  const words = new Int32Array(memory, 0, errorOffset(WRITER_DONE, ERROR_BYTES) / Int32Array.BYTES_PER_ELEMENT)
  const beats = (): string => board.subarray(BEAT, BEAT + ACTORS).join()
  let before = beats()
  let sinceMs = performance.now()
  let held: 'done' | 'lent' = 'done'
  for (;;) {
    const done = Atomics.load(board, DONE)
    if (done === ACTORS) return held
    if (Atomics.wait(board, DONE, done, LOOK_MS) !== 'timed-out') continue
    const now = beats()
    const nowMs = performance.now()
    if (now !== before) sinceMs = nowMs
    before = now
    if (nowMs - sinceMs > HANG_MS) return 'hung'
    if (nowMs - sinceMs > HELD_MS && (Atomics.load(words, HANDOFF) & STATE) === LENT) {
      held = 'lent'
      Atomics.store(words, READ_LOCK, FREE)
    }
  }
}
