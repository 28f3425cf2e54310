/// <reference lib="esnext.disposable" preserve="true" />
import { platform } from '#platform'
import { AwaitQueue } from './awaiting.ts'
import { callBlocking, callLending, runBlocking } from './blocking.ts'
import { checkObject, describe, memoryOf, type PipeHandle } from './checks.ts'
import { abortPipe, closeHalf, failHalf } from './ending.ts'
import { isError } from './error-codec.ts'
import { type Half, reentered } from './errors.ts'
import { enterHolder } from './holders.ts'
import { ownerIdentity } from './layout.ts'
import { lookAfterOwn } from './liveness.ts'
import { Turn } from './lock.ts'
import { openMemory, type PipeMemory } from './memory.ts'
import type { Operation } from './operation.ts'
import { type PipeStats, readStats } from './stats.ts'
import { currentTurn } from './turns.ts'
import type { WriteOperation } from './write-operation.ts'

/** Who this thread's operations are, as owners of locks. */
const BLOCKING_OWNER = /* @__PURE__ */ ownerHere(false)
const AWAITING_OWNER = /* @__PURE__ */ ownerHere(true)

function ownerHere(awaited: boolean): number {
  return ownerIdentity(platform.thread, awaited)
}

/** The handle of a pipe that this thread has just made, and not been given. */
export class MadeHandle<H extends Half> implements PipeHandle {
  readonly memory: SharedArrayBuffer
  readonly half: H

  constructor(memory: SharedArrayBuffer, half: H) {
    this.memory = memory
    this.half = half
  }
}

/** Makes an operation of a half's own kind. That stands at each use, not in the type of the class, which users see. */
type MakeOperation = (memory: PipeMemory, owner: number, turn: Turn) => Operation

/** What both halves can do: end the pipe, and look at it. Subclasses add what they move bytes with. */
export abstract class PipeHalf<H extends Half> implements PipeHandle {
  /** All of the pipe's state. */
  readonly memory: SharedArrayBuffer
  /** Which half of it. */
  readonly half: H
  readonly #memory: PipeMemory
  readonly #turn = new Turn()
  readonly #makeOperation: MakeOperation
  /** The operation of the blocking calls, which follow one another. */
  readonly #operation: Operation
  readonly #queue = new AwaitQueue()
  /** The call in place whose callback is running, which may not use this half, and the turn of the event loop that it runs in. */
  #lent: Operation | undefined
  #lentIn = 0
  /** Whether this thread is entered as one that uses the half. */
  #entered: boolean

  /** @internal */
  protected constructor(handle: PipeHandle, half: H, makeOperation: MakeOperation) {
    const made = handle instanceof MadeHandle
    const memory = openMemory(memoryOf(handle, half))
    this.memory = memory.buffer
    this.half = half
    this.#memory = memory
    this.#makeOperation = makeOperation
    this.#operation = makeOperation(memory, BLOCKING_OWNER, this.#turn)
    // Who makes a pipe gives its halves away, as a rule: it is waited for only once it has used them.
    this.#entered = !made
    enterHolder(memory, half, !made)
  }

  /**
   * Closes this half. The other half sees the end of file (after a writer) or `ERR_PIPE_CLOSED` (after a reader); own operations
   * throw `ERR_PIPE_CLOSED`. Every blocked operation of both halves is woken (C16); a read and a write that have met complete (C6).
   *
   * Never blocks and never throws for the pipe's state. Any thread that holds the half may call it at any time, again too:
   * the first close wins (C13). Go's `Close`.
   */
  close(): void {
    this.#recover()
    lookAfterOwn(this.#memory, this.half)
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
    this.#recover()
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
    this.#recover()
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

  /** @internal The operation to begin for a blocking call, and to `block` on. */
  protected blockingOperation<O extends Operation>(): O {
    if (this.#isLending()) throw reentered(this.half)
    this.#queue.recover()
    return this.#operation as O
  }

  /** @internal Runs an operation on `bytes`, blocking. */
  protected call(operation: Operation, bytes: Uint8Array, timeoutMs: number | undefined): void {
    if (!this.#entered) this.#enter()
    callBlocking(operation, bytes, timeoutMs)
  }

  /** @internal Runs a write in place, blocking, up to where its bytes are lent. */
  protected callLending(operation: WriteOperation, size: number, timeoutMs?: number): void {
    if (!this.#entered) this.#enter()
    callLending(operation, size, timeoutMs)
  }

  /** @internal Runs an operation that has begun to its end, blocking. */
  protected block(operation: Operation, timeoutMs?: number): void {
    if (!this.#entered) this.#enter()
    runBlocking(operation, timeoutMs)
  }

  /** @internal An operation to begin for an awaited call, and to `await`. */
  protected awaitedOperation<O extends Operation>(): O {
    if (this.#isLending()) throw reentered(this.half)
    this.#recover()
    return this.#makeOperation(this.#memory, AWAITING_OWNER, this.#turn) as O
  }

  /** @internal Runs an operation to its end behind those that were called before. @returns undefined if that needed no wait */
  protected wait(operation: Operation, timeoutMs?: number, signal?: AbortSignal): Promise<void> | undefined {
    if (!this.#entered) this.#enter()
    return this.#queue.run(operation, timeoutMs, signal)
  }

  /** @internal Runs an operation on that holds its lock already: ahead of those that queue for it. */
  protected resume(operation: Operation, timeoutMs?: number, signal?: AbortSignal): Promise<void> | undefined {
    this.#queue.recover()
    return this.#queue.make(operation, timeoutMs, signal)
  }

  /** Leaves the calls that were stopped in the middle: else they would keep their lock. One whose callback is running is not among them. */
  #recover(): void {
    if (this.#isLending()) return
    this.#operation.recover()
    this.#queue.recover()
  }

  /** Whether a callback is running. One that began in an earlier turn was stopped in the middle, and so was its call, which is left; as is one that still seems to run in the next. */
  #isLending(): boolean {
    if (this.#lent === undefined) return false
    if (this.#lentIn !== currentTurn()) this.#leaveLent()
    else platform.afterTurn(() => this.#leaveLent())
    return this.#lent !== undefined
  }

  #leaveLent(): void {
    const lent = this.#lent
    this.#lent = undefined
    lent?.recover()
  }

  #enter(): void {
    this.#entered = true
    enterHolder(this.#memory, this.half, true)
  }

  /** @internal Calls what an operation has lent bytes to, and must not use this half. */
  protected lending<O extends Operation, W, T>(operation: O, call: (operation: O, what: W) => T, what: W): T {
    this.#lent = operation
    try {
      this.#lentIn = currentTurn()
      const result = call(operation, what)
      this.#lent = undefined
      return result
    } catch (error) {
      // Else there was no stack left to give the bytes back.
      if (!operation.isLending) this.#lent = undefined
      throw error
    }
  }
}

function checkError(error: unknown): void {
  checkObject(error, 'error')
  if (!isError(error)) throw new TypeError(`The error must be an Error, not ${describe(error)}`)
}
