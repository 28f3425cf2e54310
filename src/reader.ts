import { AwaitQueue } from './awaiting.ts'
import { runBlocking } from './blocking.ts'
import {
  type AsyncWaitOptions,
  bytesOf,
  checkHandle,
  type PipeHandle,
  signalOf,
  timeoutOf,
  type WaitOptions,
} from './checks.ts'
import { AWAITING_OWNER, BLOCKING_OWNER, PipeHalf } from './half.ts'
import { Turn } from './lock.ts'
import { openMemory, type PipeMemory } from './memory.ts'
import { ReadOperation } from './read-operation.ts'

/** The longest chunk that an iterator makes, in bytes; a longer write comes in several. */
const MAX_CHUNK_BYTES = 16 * 1024 * 1024

/**
 * Reads from a pipe, in any thread: the half that Go's `io.PipeReader` is. Any number of threads may hold it; their reads go one at a
 * time, and each takes bytes from exactly one write.
 */
export class PipeReader extends PipeHalf<'reader'> {
  readonly #memory: PipeMemory
  readonly #operation: ReadOperation
  readonly #turn = new Turn()
  readonly #queue = new AwaitQueue()

  private constructor(memory: PipeMemory) {
    super(memory, 'reader')
    this.#memory = memory
    this.#operation = new ReadOperation(memory, BLOCKING_OWNER, this.#turn)
  }

  /**
   * Rebuilds the reader in the thread that has received it.
   *
   * @param handle what came through `workerData` or `postMessage`
   * @throws TypeError if that is no handle of a reader, or its memory is not a pipe's of this version
   */
  static from(handle: PipeHandle): PipeReader {
    checkHandle(handle, 'reader')
    return new PipeReader(openMemory(handle.memory))
  }

  /**
   * Reads into `target`, and blocks the thread until a write is there to take from: min(target, what is left of the write) bytes,
   * never fewer, never of two writes (C2, C4). A zero-length read waits for a writer too, and takes nothing (C8).
   *
   * It is woken by a write, by any close or abort, and by its time-out. Reads of other threads wait for this one.
   *
   * @param options.timeout milliseconds; 0 = only what is there already
   * @returns bytes read; `null` = end of file: the writer was closed
   * @throws PipeError `ERR_PIPE_CLOSED`, `ERR_PIPE_TIMEOUT`, `ERR_PIPE_DEADLOCK`, `ERR_PIPE_CORRUPT`
   * @throws the writer's own error, if it closed with one; the abort's, after an abort
   * @throws TypeError, RangeError for bad input, before anything is touched
   */
  readSync(target: ArrayBufferView, options?: WaitOptions): number | null {
    const operation = this.#operation
    const timeoutMs = timeoutOf(options)
    operation.begin(bytesOf(target, 'target'))
    runBlocking(operation, timeoutMs)
    return operation.ended ? null : operation.moved
  }

  /**
   * Reads like {@link readSync}, but awaits: the thread's event loop goes on, and stays alive while the read is pending. `target` belongs
   * to the pipe until the promise settles. Reads of one half in one thread run in the order they were called.
   *
   * @param options.timeout milliseconds; 0 = only what is there already
   * @param options.signal cancels the read: it throws an `AbortError` with the signal's reason as `cause`
   */
  async read(target: ArrayBufferView, options?: AsyncWaitOptions): Promise<number | null> {
    const operation = new ReadOperation(this.#memory, AWAITING_OWNER, this.#turn)
    operation.begin(bytesOf(target, 'target'))
    const waited = this.#queue.run(operation, timeoutOf(options), signalOf(options))
    if (waited !== undefined) await waited
    return operation.ended ? null : operation.moved
  }

  /**
   * Iterates over the bytes, blocking: one chunk for each write (a write of more than 16 MiB comes in several, an empty one in none).
   * Each chunk is a fresh copy. Ends at the end of file; leaving the loop early closes the reader.
   *
   * @throws what {@link readSync} throws
   */
  *[Symbol.iterator](): IterableIterator<Uint8Array> {
    for (;;) {
      const chunk = new Chunk()
      this.#operation.beginWith(chunk.make)
      runBlocking(this.#operation, undefined)
      if (this.#operation.ended) return
      if (chunk.bytes.length === 0) continue
      let leaving = true
      try {
        yield chunk.bytes
        leaving = false
      } finally {
        if (leaving) this.close()
      }
    }
  }

  /** Iterates like the blocking iterator, but awaits each chunk. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    for (;;) {
      const chunk = new Chunk()
      const operation = new ReadOperation(this.#memory, AWAITING_OWNER, this.#turn)
      operation.beginWith(chunk.make)
      const waited = this.#queue.run(operation, undefined, undefined)
      if (waited !== undefined) await waited
      if (operation.ended) return
      if (chunk.bytes.length === 0) continue
      let leaving = true
      try {
        yield chunk.bytes
        leaving = false
      } finally {
        if (leaving) this.close()
      }
    }
  }
}

/** One chunk of an iterator, made as long as what is left of the write it is taken from. */
class Chunk {
  bytes = new Uint8Array(0)
  readonly make = (left: number): Uint8Array => {
    this.bytes = new Uint8Array(Math.min(left, MAX_CHUNK_BYTES))
    return this.bytes
  }
}
