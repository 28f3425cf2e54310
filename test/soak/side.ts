import type { PipeHandle, PipeReader, PipeWriter } from 'threadpipe'
import type { Content } from './content.ts'
import type { Death, PipePlan, PlannedError } from './plan.ts'
import type { Random } from './random.ts'
import type { Tally } from './tally.ts'

/** What writers and readers of a soak have in common: how they are told what to do, what they report, and how they die. */

/** What an operation may wait at most where it has to succeed. Whoever waits longer hangs. */
export const BACKSTOP_MS = 20_000

export interface SideTask {
  plan: PipePlan
  half: 'writer' | 'reader' | 'third'
  index: number
  handle: PipeHandle
  /** What outlives the thread; see {@link Ledger}. */
  ledger: SharedArrayBuffer
  slot: number
}

export type Outcome =
  | { kind: 'finished' }
  | { kind: 'end of file' }
  | { kind: 'hang' }
  | { kind: 'error'; class: string; name: string; code: unknown; message: string }

export interface SideReport {
  outcome: Outcome
  /** When the outcome was there, on the clock of all threads. */
  endedAtMs: number
  bytes: number
  wrong: string[]
  tally: Tally
}

/** The thread that a side runs in. */
export interface Surroundings {
  readonly content: Content
  /** Asks another thread to terminate this one. */
  askForDeath(): void
  /** Lets this thread end by itself once it has nothing more to do. */
  letGo(): void
}

const ACKNOWLEDGED = 0
const STAKE = 1
const DYING_SINCE = 2
const HOLDING = 3
const SLOT_FLOATS = 8

/** What is known of a side whose thread has died: how much it had counted, and what it was at. */
export class Ledger {
  readonly #floats: Float64Array
  readonly #writersLeft: Int32Array

  /** Room for all sides of a pipe, and a count behind them. */
  static allocate(sides: number, writers: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer((sides + 1) * SLOT_FLOATS * Float64Array.BYTES_PER_ELEMENT)
    new Int32Array(memory)[(sides * SLOT_FLOATS * Float64Array.BYTES_PER_ELEMENT) / Int32Array.BYTES_PER_ELEMENT] =
      writers
    return memory
  }

  constructor(memory: SharedArrayBuffer, slot: number) {
    const bytes = SLOT_FLOATS * Float64Array.BYTES_PER_ELEMENT
    this.#floats = new Float64Array(memory, slot * bytes, SLOT_FLOATS)
    this.#writersLeft = new Int32Array(memory, memory.byteLength - bytes, 1)
  }

  /** Notes that up to `bytes` are about to move. */
  begin(bytes: number): void {
    this.#floats[STAKE] = bytes
  }

  /** Notes that `bytes` have moved; the operation may yet move more. */
  count(bytes: number): void {
    this.#floats[ACKNOWLEDGED] = (this.#floats[ACKNOWLEDGED] as number) + bytes
  }

  end(): void {
    this.#floats[STAKE] = 0
  }

  get least(): number {
    return Math.max(0, (this.#floats[ACKNOWLEDGED] as number) - (this.#floats[STAKE] as number))
  }

  get most(): number {
    return (this.#floats[ACKNOWLEDGED] as number) + (this.#floats[STAKE] as number)
  }

  /** Notes that this side has its half now: from here on its death can be seen. */
  hold(): void {
    this.#floats[HOLDING] = 1
  }

  get holds(): boolean {
    return this.#floats[HOLDING] === 1
  }

  dying(): void {
    this.#floats[DYING_SINCE] = nowMs()
  }

  get dyingSinceMs(): number {
    return this.#floats[DYING_SINCE] as number
  }

  /** @returns whether this was the last writer at work */
  writerLeaves(): boolean {
    return Atomics.sub(this.#writersLeft, 0, 1) === 1
  }
}

/** Milliseconds on a clock that all threads share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export function makeError({ class: name, message }: PlannedError): Error {
  const classes = { Error, TypeError, RangeError }
  return new classes[name](message)
}

/** Ends the pipe as planned, and a second time otherwise: the first end wins (C13). */
export function performEnding(half: PipeWriter | PipeReader, plan: PipePlan, tally: Tally): void {
  const { ending } = plan
  if (ending.kind === 'abort') {
    half.abort(makeError(ending.error))
    half.abort(new Error('a second abort'))
    tally.aborts += 1
  } else if (ending.kind === 'close') {
    if (ending.error === undefined) half.close()
    else half.closeWithError(makeError(ending.error))
    half.closeWithError(new Error('a second close'))
    tally[ending.error === undefined ? 'closes' : 'closeWithErrors'] += 1
  }
}

export interface Interruption {
  options: { timeout?: number; signal?: AbortSignal }
  /** What may come of it. */
  by: 'time-outs' | 'signals' | undefined
}

/** Draws how long an operation may wait. */
export function interruption(random: Random, share: number, awaited: boolean): Interruption {
  if (!random.chance(share)) return { options: random.chance(0.5) ? {} : { timeout: BACKSTOP_MS }, by: undefined }
  const ms = random.pick([0, 0, 1, 1, 2, 5, 10])
  if (!awaited || random.chance(0.5)) return { options: { timeout: ms }, by: 'time-outs' }
  const controller = new AbortController()
  if (ms === 0 && random.chance(0.2)) controller.abort(new Error('before'))
  else if (ms === 0) setImmediate(() => controller.abort(new Error('a turn later')))
  else setTimeout(() => controller.abort(new Error('later')), ms).unref()
  return { options: { signal: controller.signal }, by: 'signals' }
}

/** Whether an error is what an interruption was to bring. */
export function isInterruption(error: unknown, { by }: Interruption): boolean {
  if (by === 'time-outs') return codeOf(error) === 'ERR_PIPE_TIMEOUT'
  return by === 'signals' && (error as Error).name === 'AbortError'
}

export function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

export function outcomeOf(error: unknown): Outcome {
  const code = codeOf(error)
  if (code === 'ERR_PIPE_TIMEOUT') return { kind: 'hang' }
  const { name, message } = error as Error
  return { kind: 'error', class: (error as Error).constructor.name, name, code, message }
}

/** Waits for what never comes. */
export function forever(): Promise<never> {
  return new Promise(() => {})
}

/** Dies, at once or as soon as the event loop turns. What this side has under way is left as it is. */
export function die(death: Death, ledger: Ledger, surroundings: Surroundings): void {
  ledger.dying()
  switch (death.kind) {
    case 'terminate':
      surroundings.askForDeath()
      if (death.where === 'callback') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
      return
    case 'uncaught error':
      setImmediate(() => {
        throw new Error('a planned death')
      })
      return
    case 'process.exit':
      process.exit(3)
      return
    case 'unhandled rejection':
      void Promise.reject(new Error('a planned death'))
      return
    case 'natural end':
      surroundings.letGo()
      return
    case 'out of memory':
      for (const hoard: number[][] = []; ; ledger.dying()) hoard.push(new Array(20_000).fill(0.5))
  }
}
