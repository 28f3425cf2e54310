import { BufferedRead } from './buffered-read.ts'
import {
  type AsyncWaitOptions,
  bytesOf,
  checkFunction,
  type PipeHandle,
  signalOf,
  timeoutOf,
  type WaitOptions,
} from './checks.ts'
import { PipeHalf } from './half.ts'
import { attemptAsync, consume, copying, copyingAsync, settleWritten, type Use, writeFrom } from './in-place.ts'
import type { Writer, WriterSync } from './io.ts'
import type { Turn } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import type { ReadOperation } from './read-operation.ts'
import { RendezvousRead } from './rendezvous-read.ts'

/** The longest chunk that an iterator makes, in bytes; a longer write comes in several. */
const MAX_CHUNK_BYTES = 16 * 1024 * 1024

/**
 * Reads from a pipe, in any thread: the half that Go's `io.PipeReader` is. Any number of threads may hold it; their reads go one at a
 * time, and each takes bytes from exactly one write.
 */
export class PipeReader extends PipeHalf<'reader'> {
  private constructor(handle: PipeHandle) {
    super(handle, 'reader', readOperation)
  }

  /**
   * Rebuilds the reader in the thread that has received it.
   *
   * @param handle what came through `workerData` or `postMessage`
   * @throws TypeError if that is no handle of a reader, or its memory is not a pipe's of this version
   */
  static from(handle: PipeHandle): PipeReader {
    return new PipeReader(handle)
  }

  /**
   * Reads into `target`, and blocks the thread until a write is there to take from: min(target, what is left of the write) bytes,
   * never fewer, never of two writes (C2, C4). A zero-length read waits for a writer too, and takes nothing (C8).
   *
   * It is woken by a write, by any close or abort, and by its time-out. Reads of other threads wait for this one. While it runs it may use all of
   * `target` for what it tries to take; afterwards only the bytes that it has read say anything.
   *
   * @param options.timeout milliseconds; 0 = only what is there already
   * @returns bytes read; `null` = end of file: the writer was closed
   * @throws PipeError `ERR_PIPE_CLOSED`, `ERR_PIPE_TIMEOUT`, `ERR_PIPE_DEADLOCK`, `ERR_PIPE_CORRUPT`
   * @throws the writer's own error, if it closed with one; the abort's, after an abort
   * @throws TypeError, RangeError for bad input, before anything is touched
   * @throws TypeError in a thread that may not block, as the main thread of a web page, if it would have to wait
   */
  readSync(target: ArrayBufferView, options?: WaitOptions): number | null {
    const operation = this.blockingOperation<ReadOperation>()
    const timeoutMs = timeoutOf(options)
    this.call(operation, bytesOf(target, 'target'), timeoutMs)
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
    const operation = this.awaitedOperation<ReadOperation>()
    operation.begin(bytesOf(target, 'target'))
    const waited = this.wait(operation, timeoutOf(options), signalOf(options))
    if (waited !== undefined) await waited
    return operation.ended ? null : operation.moved
  }

  /**
   * Lends `use` the bytes on offer where they lie, with no copy: at least 1, never past the current write of a rendezvous pipe; then
   * takes as many as it says. Blocks like {@link readSync} until there are some. The view is valid inside the callback only: later the
   * same memory holds other bytes, and shared memory cannot be taken away from a view; later calls may lend the same view again. In a rendezvous pipe it starts 64-byte aligned with each write, so that any typed array can lie over it.
   *
   * The callback must not use this reader, and the writer waits for it: it may not time out meanwhile.
   *
   * @param use gives the number of bytes it consumed; nothing = all. If it throws, none is (C30)
   * @returns bytes consumed; 0 for an empty write; `null` = end of file
   * @throws what {@link readSync} throws; what `use` throws; TypeError, RangeError if it gives no count of 0 to the bytes lent
   */
  readInPlaceSync(use: Use, options?: WaitOptions): number | null {
    const operation = this.blockingOperation<ReadOperation>()
    const timeoutMs = timeoutOf(options)
    checkFunction(use, 'callback')
    operation.beginLending()
    this.block(operation, timeoutMs)
    return operation.ended ? null : this.#consume(operation, use)
  }

  /** Reads in place like {@link readInPlaceSync}, but awaits the bytes. The callback itself must not be async. */
  async readInPlace(use: Use, options?: AsyncWaitOptions): Promise<number | null> {
    const operation = this.awaitedOperation<ReadOperation>()
    const timeoutMs = timeoutOf(options)
    const signal = signalOf(options)
    checkFunction(use, 'callback')
    operation.beginLending()
    const waited = this.wait(operation, timeoutMs, signal)
    if (waited !== undefined) await waited
    return operation.ended ? null : this.#consume(operation, use)
  }

  /**
   * Writes everything up to the end of the file to `destination`, straight from the shared memory, blocking. The destination must have taken
   * the bytes when its `writeSync` returns. `copySync` comes here.
   *
   * @returns bytes written
   * @throws what this reader or the destination throws; what a destination took by the `bytesWritten` of its error is consumed
   */
  writeToSync(destination: WriterSync): number {
    let total = 0
    for (;;) {
      const operation = this.blockingOperation<ReadOperation>()
      operation.beginLending(true)
      copying(total, () => this.block(operation))
      if (operation.ended) return total
      if (!operation.isLending) continue
      const { lent } = operation
      const written = this.lending(operation, writeFrom, destination)
      total += settleWritten(operation, lent.length, written, total)
    }
  }

  /** Writes like {@link writeToSync}, but awaits the bytes and the destination. */
  async writeTo(destination: Writer): Promise<number> {
    let total = 0
    for (;;) {
      const operation = this.awaitedOperation<ReadOperation>()
      operation.beginLending(true)
      await copyingAsync(total, () => this.wait(operation))
      if (operation.ended) return total
      if (!operation.isLending) continue
      const { lent } = operation
      const written = await attemptAsync(() => destination.write(lent))
      total += settleWritten(operation, lent.length, written, total)
    }
  }

  /**
   * Iterates over the bytes, blocking: one chunk for each write (a write of more than 16 MiB comes in several, an empty one in none).
   * Each chunk is a fresh copy. Ends at the end of file; leaving the loop early closes the reader.
   *
   * @throws what {@link readSync} throws
   */
  *[Symbol.iterator](): IterableIterator<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const chunk = new Chunk()
      const operation = this.blockingOperation<ReadOperation>()
      operation.beginWith(chunk.make)
      this.block(operation)
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

  /** Iterates like the blocking iterator, but awaits each chunk. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array<ArrayBuffer>> {
    for (;;) {
      const chunk = new Chunk()
      const operation = this.awaitedOperation<ReadOperation>()
      operation.beginWith(chunk.make)
      const waited = this.wait(operation)
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

  #consume(operation: ReadOperation, use: Use): number {
    return operation.isLending ? this.lending(operation, consume, use) : 0
  }
}

function readOperation(memory: PipeMemory, owner: number, turn: Turn): ReadOperation {
  return memory.capacity > 0 ? new BufferedRead(memory, owner, turn) : new RendezvousRead(memory, owner, turn)
}

/** One chunk of an iterator, made as long as what is left of the write it is taken from. */
class Chunk {
  bytes = new Uint8Array(0)
  readonly make = (left: number): Uint8Array => {
    this.bytes = new Uint8Array(Math.min(left, MAX_CHUNK_BYTES))
    return this.bytes
  }
}
