import { timedOut, withProgress } from './errors.ts'
import type { Operation } from './operation.ts'

/** How long a call with time-out 0 gives a peer that is there to answer, in ms. */
const ANSWER_MS = 5
/** How long a match may make no progress after its time-out before it is left, in ms. A healthy one needs microseconds. */
const STALL_MS = 250

/** The same for a match whose bytes the other side has in place: leaving it means that they may be counted on one side only. */
const LENT_STALL_MS = 10_000

/**
 * When and how an operation leaves early (C25): at its time-out, or when its signal fires. Cancel and match are decided by one
 * atomic step: an operation that is matched completes (C6). Only a match that stalls, because the other thread's event loop is
 * busy or its words are scribbled over, is cut short; then the error's `bytesRead` or `bytesWritten` tells what had gone over.
 */
export class Deadline {
  readonly #operation: Operation
  #why: () => Error
  #atMs: number
  #mayAnswer: boolean
  #progress = -1
  #stalledSinceMs = 0

  constructor(operation: Operation, timeoutMs: number | undefined, startedMs: number) {
    this.#operation = operation
    this.#atMs = timeoutMs === undefined ? Infinity : startedMs + timeoutMs
    this.#mayAnswer = timeoutMs === 0
    this.#why = () => timedOut(operation.half, operation.timeoutMs ?? timeoutMs ?? Infinity)
  }

  /** Makes the deadline now, for another reason. */
  bringForward(why: () => Error): void {
    this.#atMs = performance.now()
    this.#mayAnswer = false
    this.#why = why
  }

  passed(): boolean {
    return this.#atMs !== Infinity && performance.now() >= this.#atMs
  }

  /** Time to wait before looking again, in ms; Infinity without a time-out. */
  leftMs(): number {
    return this.#atMs === Infinity ? Infinity : Math.max(0, this.#atMs - performance.now())
  }

  /** Leaves the operation, or finds out when to try again. @returns whether it left: then `error` says why */
  leave(): boolean {
    const operation = this.#operation
    if (this.#mayAnswer && operation.answerExpected()) {
      this.#mayAnswer = false
      this.#atMs = performance.now() + ANSWER_MS
      return false
    }
    if (operation.cancel()) return true
    const nowMs = performance.now()
    const progress = operation.progress()
    if (progress !== this.#progress) this.#stalledSinceMs = nowMs
    else if (operation.cut(nowMs - this.#stalledSinceMs > LENT_STALL_MS)) return true
    this.#progress = progress
    this.#atMs = nowMs + STALL_MS
    return false
  }

  /** Why the operation left, and how far it had come. */
  error(): Error {
    return withProgress(this.#why(), this.#operation.half, this.#operation.moved)
  }
}
