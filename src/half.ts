import { platform } from '#platform'
import { checkObject, describe, type PipeHandle } from './checks.ts'
import { abortPipe, closeHalf, failHalf } from './ending.ts'
import { isError } from './error-codec.ts'
import type { Half } from './errors.ts'
import type { PipeMemory } from './memory.ts'
import { ownerIdentity } from './operation.ts'
import { type PipeStats, readStats } from './stats.ts'

/** Who this thread's operations are, as owners of locks. */
export const BLOCKING_OWNER = ownerIdentity(platform.thread, false)
export const AWAITING_OWNER = ownerIdentity(platform.thread, true)

/** What both halves can do: end the pipe, and look at it. */
export abstract class PipeHalf<H extends Half> implements PipeHandle {
  readonly memory: SharedArrayBuffer
  readonly half: H
  readonly #memory: PipeMemory

  constructor(memory: PipeMemory, half: H) {
    this.memory = memory.buffer
    this.half = half
    this.#memory = memory
  }

  /**
   * Closes this half. The other half sees the end of file (after a writer) or `ERR_PIPE_CLOSED` (after a reader); own operations
   * throw `ERR_PIPE_CLOSED`. Every blocked operation of both halves is woken (C16); a read and a write that have met complete (C6).
   *
   * Never blocks and never throws for the pipe's state. Any thread that holds the half may call it at any time, again too:
   * the first close wins (C13). Go's `Close`.
   */
  close(): void {
    closeHalf(this.#memory, this.half)
  }

  /**
   * Closes this half with an error, which the other half's operations throw, rebuilt in their thread (C27).
   * Without an error it is `close()`. Go's `CloseWithError`.
   *
   * @throws TypeError if `error` is something else than an error
   */
  closeWithError(error?: Error | null): void {
    if (error === undefined || error === null) {
      this.close()
      return
    }
    checkError(error)
    failHalf(this.#memory, this.half, error)
  }

  /**
   * Ends the pipe for both halves, in all threads: every operation, now and later, throws `error`, whatever was closed before (C26).
   * The first abort wins. Never blocks and never throws for the pipe's state.
   *
   * @throws TypeError if `error` is no error
   */
  abort(error: Error): void {
    checkError(error)
    abortPipe(this.#memory, error)
  }

  /** What has gone through the pipe and who waited: the same from either half. Never waits (C32). */
  stats(): PipeStats {
    return readStats(this.#memory)
  }

  /** Closes this half at the end of a `using` block. */
  [Symbol.dispose](): void {
    this.close()
  }
}

function checkError(error: unknown): void {
  checkObject(error, 'error')
  if (!isError(error)) throw new TypeError(`The error must be an Error, not ${describe(error)}`)
}
