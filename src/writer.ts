import { AwaitQueue } from './awaiting.ts'
import { runBlocking } from './blocking.ts'
import {
  type AsyncWaitOptions,
  checkHandle,
  type PipeHandle,
  signalOf,
  sourceBytes,
  timeoutOf,
  type WaitOptions,
} from './checks.ts'
import { AWAITING_OWNER, BLOCKING_OWNER, PipeHalf } from './half.ts'
import { Turn } from './lock.ts'
import { openMemory, type PipeMemory } from './memory.ts'
import { WriteOperation } from './write-operation.ts'

/**
 * Writes to a pipe, from any thread: the half that Go's `io.PipeWriter` is. Any number of threads may hold it; their writes go one
 * at a time, whole, in a fair order (C19, C21).
 */
export class PipeWriter extends PipeHalf<'writer'> {
  readonly #memory: PipeMemory
  readonly #operation: WriteOperation
  readonly #turn = new Turn()
  readonly #queue = new AwaitQueue()

  private constructor(memory: PipeMemory) {
    super(memory, 'writer')
    this.#memory = memory
    this.#operation = new WriteOperation(memory, BLOCKING_OWNER, this.#turn)
  }

  /**
   * Rebuilds the writer in the thread that has received it.
   *
   * @param handle what came through `workerData` or `postMessage`
   * @throws TypeError if that is no handle of a writer, or its memory is not a pipe's of this version
   */
  static from(handle: PipeHandle): PipeWriter {
    checkHandle(handle, 'writer')
    return new PipeWriter(openMemory(handle.memory))
  }

  /**
   * Writes all of `source`, and blocks the thread until readers have taken every byte (C1). A zero-length write waits for one read
   * too, which gets 0 (C7). The bytes of two writes never interleave (C19).
   *
   * It is woken by readers, by any close or abort, and by its time-out. Writes of other threads wait for this one.
   *
   * @param source bytes, or a string, which is written in UTF-8
   * @param options.timeout milliseconds; 0 = only if a reader is waiting already
   * @returns bytes written: all
   * @throws PipeError `ERR_PIPE_CLOSED`, `ERR_PIPE_TIMEOUT`, `ERR_PIPE_DEADLOCK`, `ERR_PIPE_CORRUPT`, and the reader's own error
   * if it closed with one; each with `bytesWritten`, what readers had taken by then (C15, C18)
   * @throws the abort's error, after an abort
   * @throws TypeError, RangeError for bad input, before anything is touched
   */
  writeSync(source: ArrayBufferView | string, options?: WaitOptions): number {
    const operation = this.#operation
    const timeoutMs = timeoutOf(options)
    operation.begin(sourceBytes(source))
    runBlocking(operation, timeoutMs)
    return operation.moved
  }

  /**
   * Writes like {@link writeSync}, but awaits: the thread's event loop goes on, and stays alive while the write is pending. `source`
   * belongs to the pipe until the promise settles. Writes of one half in one thread run in the order they were called.
   *
   * @param options.timeout milliseconds; 0 = only if a reader is waiting already
   * @param options.signal cancels the write: it throws an `AbortError` with the signal's reason as `cause`, and `bytesWritten`
   */
  async write(source: ArrayBufferView | string, options?: AsyncWaitOptions): Promise<number> {
    const operation = new WriteOperation(this.#memory, AWAITING_OWNER, this.#turn)
    const timeoutMs = timeoutOf(options)
    const signal = signalOf(options)
    operation.begin(sourceBytes(source))
    const waited = this.#queue.run(operation, timeoutMs, signal)
    if (waited !== undefined) await waited
    return operation.moved
  }
}
