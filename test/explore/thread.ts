import { extname } from 'node:path'
import { workerData } from 'node:worker_threads'
import type { PipeReader, PipeWriter } from 'threadpipe'
import { Actor } from './actor.ts'
import { Board, PIPE_BYTES, real, SCENARIO, STOP, THREADS } from './board.ts'
import { Gate, Stopped } from './gate.ts'
import { Races } from './races.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { Scheduler } from './scheduler.ts'

/** A thread of an exploration: plays its part of one schedule after the other, with the shipped code of a folder. */

export interface ThreadData {
  board: SharedArrayBuffer
  memory: SharedArrayBuffer
  me: number
  /** The folder of the package whose code is run. */
  root: string
  parallelism: number
}

const { board: shared, memory, me, root, parallelism } = workerData as ThreadData
const board = new Board(shared)
board.await(me)

const load = (name: string): Promise<unknown> => import(`${root}src/${name}${extname(import.meta.url)}`)
const layout = (await load('layout')) as typeof import('../../src/layout.ts')
const { platform } = (await load('platform/node')) as typeof import('../../src/platform/node.ts')

const exported = layout as unknown as Record<string, number>
const names = new Map<number, string>()
for (const name of [
  'HANDOFF',
  'FILLED',
  'CUT_AT',
  'STORED',
  'PAST_END',
  'DRAINED',
  'LENT_TO',
  'WRITE_LOCK',
  'READ_LOCK',
  'WRITER_EVENT',
  'READER_EVENT',
  'WANTED_ROOM',
  'WRITER_DONE',
  'READER_DONE',
  'ABORT_DONE',
]) {
  names.set(exported[name] as number, name)
}
names.set(layout.PAST_END + 1, 'PAST_END of odd laps')
for (const lock of [layout.WRITE_LOCK, layout.READ_LOCK]) {
  const lockName = names.get(lock)
  names.set(lock + layout.WAITERS_OFFSET, `${lockName}_WAITERS`)
  names.set(lock + layout.ROTATION_OFFSET, `${lockName}_ROTATION`)
  names.set(lock + layout.NEXT_OFFSET, `${lockName}_NEXT`)
  for (let place = 0; place <= layout.MAX_QUEUED; place += 1)
    names.set(layout.queueEvent(lock, place), `${lockName} place ${place}`)
}

/** The words that the layout's table of edges names. */
const bearers = [
  layout.HANDOFF,
  layout.FILLED,
  layout.STORED,
  layout.DRAINED,
  layout.WRITE_LOCK,
  layout.READ_LOCK,
  layout.WRITER_DONE,
  layout.READER_DONE,
  layout.ABORT_DONE,
]

const gate: Gate = new Gate({
  board,
  me,
  memory,
  scheduler: new Scheduler(board, new Int32Array(memory)),
  counters: new Set([layout.WRITER_PARKS, layout.READER_PARKS]),
  handoff: layout.HANDOFF,
  isOffer: (handoff) => (handoff & (layout.STATE | layout.ENDED)) === layout.OFFERED,
  holders: layout.WRITER_HOLDERS,
  nameOf: (word) => names.get(word) ?? names.get(word - 1)?.concat(' parked') ?? `word ${word}`,
})
const races = new Races(board, me, bearers, (message) => gate.fault(message))
gate.install(races)

const SYSTEM_ID = 1000
const copy = platform.copy.bind(platform)
Object.assign(platform, {
  thread: me + 1,
  parallelism,
  system: { id: SYSTEM_ID + me, start: 1 },
  hasExited: (id: number) => gate.isDead(id - SYSTEM_ID),
  isThere: (id: number) => !gate.isDead(id - SYSTEM_ID),
  copy(target: Uint8Array, targetStart: number, source: Uint8Array, sourceStart: number, length: number) {
    copy(target, targetStart, source, sourceStart, length)
    if (!gate.isWatching) return
    if (target.buffer === memory) races.write(target.byteOffset + targetStart, length)
    if (source.buffer === memory) {
      races.read(source.byteOffset + sourceStart, length)
      if (target.buffer === memory) return // a short write, put beside its offer
      const values = real.slice.call(source, sourceStart, sourceStart + length)
      races.onceMatched(() => {
        for (const value of values) board.taken[value] = (board.taken[value] as number) + 1
      })
    }
  },
})
// The error texts are moved by these.
Uint8Array.prototype.set = function (source: ArrayLike<number>, offset = 0) {
  real.set.call(this, source, offset)
  if (gate.isWatching && this.buffer === memory) races.write(this.byteOffset + offset, source.length)
}
Uint8Array.prototype.slice = function (this: Uint8Array, start?: number, end?: number) {
  if (gate.isWatching && this.buffer === memory)
    races.read(this.byteOffset + (start ?? 0), (end ?? this.length) - (start ?? 0))
  return real.slice.call(this, start, end)
} as never

const threadpipe = (await load('index')) as {
  PipeReader: typeof PipeReader
  PipeWriter: typeof PipeWriter
}
process.on('unhandledRejection', () => {})
// Stacks of the errors that schedules end with cost more than the schedules.
Error.stackTraceLimit = 0

const turn = (): Promise<void> => new Promise((resolve) => real.setImmediate(resolve))

async function play(actor: Actor): Promise<void> {
  const scenario = SCENARIOS[board.flags[SCENARIO] as number]
  const part = scenario?.parts[me]
  if (part === undefined) throw new Error(`there is no part ${me}`)
  actor.begin(scenario?.bits ?? 6)
  gate.begin()
  const played = part(actor)
  if (played === undefined) return
  // An awaiting part: its event loop is the scheduler's.
  let over = false
  let failure: unknown
  played.then(
    () => (over = true),
    (error: unknown) => {
      over = true
      failure = error
    },
  )
  for (;;) {
    await turn()
    if (over || board.flags[STOP] === 1) break
    gate.turn()
  }
  if (failure !== undefined) throw failure
}

const actor = new Actor({ me, memory, board, gate, races, threadpipe })
board.pass(4)
for (;;) {
  board.await(me)
  try {
    if (board.flags[STOP] === 0 && me < (board.flags[THREADS] as number) && (board.flags[PIPE_BYTES] as number) > 0)
      await play(actor)
  } catch (error) {
    if (!(error instanceof Stopped) && board.flags[STOP] === 0) gate.fail(error)
  }
  gate.active = false
  gate.drainTimers()
  actor.end()
  gate.finish()
}
