import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import * as layout from '../../src/layout.ts'
import { createMemory } from '../../src/memory.ts'
import { COMPILED_ARGS } from '../../workers/compile.ts'
import { THREAD_ARGS } from '../../workers/start.ts'
import type { Event } from './actor.ts'
import {
  BOUND,
  Board,
  BUFFERED,
  CONTROLLER,
  DIED_AT,
  DONE,
  FAILED,
  FULL,
  GIVEN_AT,
  GIVEN_COUNT,
  KILLED,
  LEAVES,
  MAX_THREADS,
  PIPE_BYTES,
  POLLS,
  PRUNED,
  RUNNABLE,
  SCENARIO,
  STEP,
  STEP_LIMIT,
  STOP,
  THREADS,
  TIMER_MS,
  TRACING,
  TWINS,
  VICTIM,
} from './board.ts'
import { judge } from './judge.ts'
import { type Choice, Path } from './path.ts'
import { SCENARIOS } from './scenarios/all.ts'
import { type Scenario, WINDOW } from './scenarios/scenario.ts'
import { Scheduler } from './scheduler.ts'
import type { ThreadData } from './thread.ts'

/** A time that may run out at any moment is at most this long, in ms; the polls of the lock and of the search for the dead are longer. */
const SHORT_MS = 20
/** What differs although the same came of it. */
const STEPS_OF_EVENTS = ['from', 'to']
const ERROR_BYTES = 128
const STEPS = 20_000
/** Whether this runs as it is written, or compiled. */
const EXTENSION = extname(import.meta.url)
const SCHEDULES_A_TURN = 500

export interface Exploration {
  /** Of the scenario. */
  name: string
  bound: number
  schedules: number
  /** Schedules in which the victim died. */
  kills: number
  steps: number
  /** Whether all schedules within the bound were run. */
  complete: boolean
  /** What came of schedules, each thing once, if that was asked for. */
  outcomes?: string[]
  /** What went wrong, and how to see it again. */
  fault?: { message: string; replay: string }
}

/** Runs scenarios under every schedule within a bound, depth first; each schedule is a list of choices, and can be run again. */
export class Explorer {
  readonly #board = new Board()
  readonly #memories = { rendezvous: memoryOf(0), buffered: memoryOf(64) }
  readonly #workers: Worker[]
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  readonly #floats: Float64Array
  #failure: Error | undefined
  #outcomes: Set<string> | undefined

  /** @param root the folder of the package whose code is run: this one, or a mutant of it */
  constructor({ root = new URL('../..', import.meta.url).href, spins = false } = {}) {
    const memory = new SharedArrayBuffer(this.#memories.rendezvous.length)
    this.#words = new Int32Array(memory)
    this.#bytes = new Uint8Array(memory)
    this.#floats = new Float64Array(memory)
    this.#workers = Array.from({ length: MAX_THREADS }, (_, me) => {
      const workerData: ThreadData = { board: this.#board.buffer, memory, me, root, parallelism: spins ? 2 : 1 }
      const worker = new Worker(new URL(`./thread${EXTENSION}`, import.meta.url), {
        workerData,
        execArgv: EXTENSION === '.ts' ? THREAD_ARGS : COMPILED_ARGS,
      })
      worker.on('error', (error) => (this.#failure = error))
      return worker
    })
  }

  /** Waits until the threads have loaded the code. */
  async ready(): Promise<void> {
    for (let me = 0; me < MAX_THREADS; me += 1) {
      this.#board.pass(me)
      while (!this.#board.hasBaton(CONTROLLER)) {
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (this.#failure !== undefined) throw this.#failure
      }
      this.#board.await(CONTROLLER)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  /**
   * Explores a scenario up to `bound` preemptions, or until the first fault, or for so long.
   *
   * @param options `full`: leaves nothing out; `outcomes`: tells what came of schedules
   */
  async explore(
    name: string,
    bound: number,
    { limitMs = Infinity, full = false, outcomes = false } = {},
  ): Promise<Exploration> {
    const { scenario, index } = find(name)
    const { board } = this
    board.visited.fill(0)
    board.flags[FULL] = full ? 1 : 0
    this.#outcomes = outcomes ? new Set() : undefined
    const path = new Path(full)
    const result: Exploration = { name, bound, schedules: 0, kills: 0, steps: 0, complete: false }
    const startedMs = performance.now()
    for (;;) {
      const fault = this.#run(scenario, index, bound, path.points)
      result.schedules += 1
      result.kills += board.flags[KILLED] as number
      result.steps += board.flags[STEP] as number
      if (fault !== undefined) {
        result.fault = { message: fault, replay: replayText(name, path.points) }
        return result
      }
      if (!path.advance(board)) {
        result.complete = true
        if (this.#outcomes !== undefined) result.outcomes = [...this.#outcomes].sort()
        return result
      }
      if (performance.now() - startedMs > limitMs) return result
      // Now and then the event loop has its turn, so that the process can be ended.
      if (result.schedules % SCHEDULES_A_TURN === 0) await new Promise(setImmediate)
    }
  }

  /** Runs one schedule again; `tracing` writes all its steps to standard error. @returns what went wrong in it */
  replay(text: string, tracing = false): string | undefined {
    const { name, points } = parseReplay(text)
    const { scenario, index } = find(name)
    this.board.visited.fill(0)
    this.board.flags[TRACING] = tracing ? 1 : 0
    try {
      return this.#run(scenario, index, 0, points)
    } finally {
      this.board.flags[TRACING] = 0
    }
  }

  get board(): Board {
    return this.#board
  }

  /** @returns what went wrong */
  #run(scenario: Scenario, index: number, bound: number, points: readonly Choice[]): string | undefined {
    const { board } = this
    const { flags, status } = board
    const buffered = (scenario.capacity ?? 0) > 0
    this.#bytes.set(buffered ? this.#memories.buffered : this.#memories.rendezvous)
    if (buffered) this.#words[layout.CAPACITY] = scenario.capacity as number
    scenario.prepare?.(this.#words)
    flags[PIPE_BYTES] = this.#bytes.length
    board.reset()
    flags[SCENARIO] = index
    flags[THREADS] = scenario.parts.length
    flags[BOUND] = bound
    flags[VICTIM] = scenario.victim ?? -1
    flags[POLLS] = scenario.victim === undefined ? 0 : 1
    flags[TIMER_MS] = SHORT_MS
    flags[STEP_LIMIT] = STEPS
    flags[TWINS] = (scenario.twins ?? []).reduce((bits, thread) => bits | (1 << thread), 0)
    flags[BUFFERED] = buffered ? 1 : 0
    // Calls that are awaited cannot be left in the middle without a trace.
    flags[LEAVES] = scenario.awaits === true ? 0 : 1
    flags[GIVEN_AT] = 0
    flags[GIVEN_COUNT] = points.length
    for (const [i, { step, choice }] of points.entries()) {
      board.given[i * 2] = step
      board.given[i * 2 + 1] = choice
    }
    status.fill(DONE)
    status.fill(RUNNABLE, 0, scenario.parts.length)
    board.pass(new Scheduler(board, this.#words).next(CONTROLLER - 1, false))
    board.await(CONTROLLER)
    // Whoever is still in the middle of its part is taken out of it.
    const message = flags[FAILED] === 1 ? board.readText() : undefined
    flags[STOP] = 1
    for (let t = 0; t < scenario.parts.length; t += 1) {
      if (status[t] === DONE) continue
      board.pass(t)
      board.await(CONTROLLER)
    }
    if (message !== undefined) return message
    if (flags[PRUNED] === 1 && flags[LEAVES] === 1) return undefined
    if (flags[GIVEN_AT] !== flags[GIVEN_COUNT])
      return 'the schedule went another way than before: something is not determined by it'
    if (flags[FAILED] === 1) return board.readText()
    const parts = scenario.parts.map((_, t) => board.readLog(t) as Event[])
    this.#outcomes?.add(JSON.stringify(parts, (key, value) => (STEPS_OF_EVENTS.includes(key) ? undefined : value)))
    return judge(scenario, parts, {
      killed: scenario.victim !== undefined,
      diedAt: flags[DIED_AT] as number,
      ended: [layout.WRITER_DONE, layout.READER_DONE, layout.ABORT_DONE].some(
        (done) => this.#words[done] !== layout.OPEN,
      ),
      written: this.#floats[layout.WRITTEN] as number,
      read: this.#floats[layout.READ] as number,
    })
  }
}

function memoryOf(capacity: number): Uint8Array {
  return new Uint8Array(createMemory({ capacity, window: WINDOW, errorBytes: ERROR_BYTES }).buffer).slice()
}

function find(name: string): { scenario: Scenario; index: number } {
  const index = SCENARIOS.findIndex((scenario) => scenario.name === name)
  const scenario = SCENARIOS[index]
  if (scenario === undefined) throw new RangeError(`there is no scenario "${name}"`)
  return { scenario, index }
}

/** A schedule as a text: the steps at which something else than the usual was chosen matter, the others are there so that it is the same. */
function replayText(name: string, points: readonly Choice[]): string {
  return `${name}@${points.map(({ step, choice }) => `${step}:${choice}`).join(',')}`
}

function parseReplay(text: string): { name: string; points: Choice[] } {
  const at = text.lastIndexOf('@')
  const points = text
    .slice(at + 1)
    .split(',')
    .filter((point) => point !== '')
    .map((point) => {
      const [step, choice] = point.split(':').map(Number) as [number, number]
      return { step, choice }
    })
  return { name: text.slice(0, at), points }
}
