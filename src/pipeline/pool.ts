import { extname } from 'node:path'
import { Piscina } from 'piscina'
import { decodeError } from '../core.ts'
import type { Actor, Ending } from './actor.ts'
import type { Control } from './control.ts'
import { errorOf } from './errors.ts'
import { threadArgs } from './modules.ts'
import type { Job, Report, Seat } from './seat.ts'

/** The threads of pipelines: of a pool of this library's own, or of the user's. */

const ENTRY = new URL(`./thread${extname(import.meta.url)}`, import.meta.url).href
/** How long a thread waits for the next pipeline. */
const IDLE_MS = 5000
/** More than a system gives. A pool grows by what a pipeline asks for. */
const MAX_THREADS = 65_536

let own: Piscina | undefined

/** The pool of this library: it has a thread for everyone who asks, and keeps idle ones for a while. */
export function ownPool(): Piscina {
  if (own === undefined) {
    const execArgv = threadArgs()
    own = new Piscina({
      minThreads: 0,
      maxThreads: MAX_THREADS,
      idleTimeout: IDLE_MS,
      recordTiming: false,
      ...(execArgv === undefined ? {} : { execArgv }),
    })
  }
  return own
}

/** @throws RangeError if a user's pool can never have so many threads at the same time */
export function checkPool(pool: Piscina, needed: number): void {
  if (needed <= pool.maxThreads) return
  throw new RangeError(
    `The pipeline needs ${needed} threads at the same time, but the pool has at most ${pool.maxThreads}: maxThreads must be ${needed} or more`,
  )
}

/** How many threads of a user's pool pipelines hold, and who waits for some. */
interface Reserved {
  held: number
  readonly queue: Set<{ readonly count: number; readonly begin: () => void }>
}

const reserved = new WeakMap<Piscina, Reserved>()

/**
 * Waits until other pipelines leave `count` threads of a user's pool to this one. All at once, and in the order of asking: two pipelines that each
 * held some of the threads would wait for each other.
 *
 * @returns what gives them back; undefined if the signal came first
 */
export async function reserve(pool: Piscina, count: number, signal: AbortSignal): Promise<(() => void) | undefined> {
  const state = reserved.get(pool) ?? { held: 0, queue: new Set() }
  reserved.set(pool, state)
  const serve = (): void => {
    for (const waiting of state.queue) {
      if (state.held + waiting.count > pool.maxThreads) return
      state.held += waiting.count
      state.queue.delete(waiting)
      waiting.begin()
    }
  }
  const begun = await new Promise<boolean>((resolve) => {
    const waiting = { count, begin: () => resolve(true) }
    state.queue.add(waiting)
    const onAbort = (): void => {
      if (!state.queue.delete(waiting)) return
      resolve(false)
      serve()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    serve()
  })
  if (!begun) return undefined
  return () => {
    state.held -= count
    serve()
  }
}

/** A job in a thread of a pool, as the calling thread sees it. */
export class ThreadActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #pool: Piscina
  readonly #control: Control
  readonly #seat: number
  readonly #unseat = new AbortController()
  #over = false

  constructor(pool: Piscina, control: Control, job: Job, part: number, seat: number) {
    this.#pool = pool
    this.#control = control
    this.#seat = seat
    const task: Seat = { job, part, seat, control: { memory: control.memory, parties: control.parties } }
    // With a signal a task has its thread to itself, whatever `concurrentTasksPerWorker` says.
    const report: Promise<Report> = pool.run(task, { filename: ENTRY, name: 'default', signal: this.#unseat.signal })
    this.ended = report.then(endingOf, death).finally(() => {
      this.#over = true
    })
  }

  /** Its writes fail, once nobody reads them: that is enough. */
  leave(): void {}

  /** Its pipes are aborted, and wake it. */
  stop(): void {}

  kill(): void {
    if (this.#over) return
    const threadId = this.#control.threadIn(this.#seat)
    const worker = this.#pool.threads.find((thread) => thread.threadId === threadId)
    if (worker !== undefined) void worker.terminate()
    else this.#unseat.abort()
  }
}

function endingOf(report: Report): Ending {
  if (report.kind !== 'failed') return report
  const error = decodeError(report.error) ?? new Error('its error could not be read')
  return { kind: 'failed', error, derived: report.derived }
}

const EXITED = /^worker exited with code: (-?\d+)$/

function death(thrown: unknown): Ending {
  const error = errorOf(thrown)
  const [, code] = EXITED.exec(error.message) ?? []
  return {
    kind: 'failed',
    error: code === undefined ? error : new Error(`its thread exited with code ${code} before its end`),
    derived: false,
  }
}
