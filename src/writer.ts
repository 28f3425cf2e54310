import { BufferedWrite } from './buffered-write.ts'
import {
  type AsyncWaitOptions,
  checkFunction,
  checkInPlaceSize,
  type PipeHandle,
  piecesOf,
  signalOf,
  sourceBytes,
  timeoutOf,
  type WaitOptions,
} from './checks.ts'
import { PipeHalf } from './half.ts'
import { attemptAsync, commitRead, copying, copyingAsync, type Fill, fillIn, readInto } from './in-place.ts'
import type { Reader, ReaderSync } from './io.ts'
import type { Turn } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { RendezvousWrite } from './rendezvous-write.ts'
import type { WriteOperation } from './write-operation.ts'

/**
 * Writes to a pipe, from any thread: the half that Go's `io.PipeWriter` is. Any number of threads may hold it; their writes go one
 * at a time, whole, in a fair order (C19, C21).
 */
export class PipeWriter extends PipeHalf<'writer'> {
  private constructor(handle: PipeHandle) {
    super(handle, 'writer', writeOperation)
  }

  /**
   * Rebuilds the writer in the thread that has received it.
   *
   * @param handle what came through `workerData` or `postMessage`
   * @throws TypeError if that is no handle of a writer, or its memory is not a pipe's of this version
   */
  static from(handle: PipeHandle): PipeWriter {
    return new PipeWriter(handle)
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
   * @throws TypeError in a thread that may not block, as the main thread of a web page, if it would have to wait; with `bytesWritten`
   */
  writeSync(source: ArrayBufferView | string, options?: WaitOptions): number {
    const operation = this.blockingOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    this.call(operation, sourceBytes(source), timeoutMs)
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
    const operation = this.awaitedOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    const signal = signalOf(options)
    operation.begin(sourceBytes(source))
    const waited = this.wait(operation, timeoutMs, signal)
    if (waited !== undefined) await waited
    return operation.moved
  }
  /**
   * Writes many pieces as one write (C19), without joining them first: a header and its payload. Otherwise like {@link writeSync}.
   *
   * @returns bytes written: all, of all pieces
   */
  writevSync(sources: readonly ArrayBufferView[], options?: WaitOptions): number {
    const operation = this.blockingOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    operation.beginPieces(piecesOf(sources))
    this.block(operation, timeoutMs)
    return operation.moved
  }

  /** Writes many pieces like {@link writevSync}, but awaits. */
  async writev(sources: readonly ArrayBufferView[], options?: AsyncWaitOptions): Promise<number> {
    const operation = this.awaitedOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    const signal = signalOf(options)
    operation.beginPieces(piecesOf(sources))
    const waited = this.wait(operation, timeoutMs, signal)
    if (waited !== undefined) await waited
    return operation.moved
  }

  /**
   * Lends `fill` `size` bytes of the shared memory; what it fills of them then travels as one write, with no copy. Blocks until the memory is free,
   * and then like {@link writeSync}. The view is valid inside the callback only; later calls may lend the same one again. In a rendezvous pipe it starts 64-byte aligned, so that any
   * typed array can lie over it. The callback must not use this writer.
   *
   * @param size bytes, up to the window or, in a buffered pipe, the capacity
   * @param fill gives the number of bytes it filled; nothing = all. If it throws, nothing is written (C30)
   * @returns bytes written
   * @throws what {@link writeSync} throws; what `fill` throws; RangeError that says the limit
   */
  writeInPlaceSync(size: number, fill: Fill, options?: WaitOptions): number {
    const operation = this.blockingOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    checkFunction(fill, 'callback')
    const startedMs = timeoutMs === undefined ? 0 : performance.now()
    this.callLending(operation, checkInPlaceSize(size, operation.memory.inPlaceBytes), timeoutMs)
    this.lending(operation, fillIn, fill)
    operation.timeoutMs = timeoutMs
    this.block(operation, timeLeft(timeoutMs, startedMs))
    return operation.moved
  }

  /** Writes in place like {@link writeInPlaceSync}, but awaits the memory and the readers. The callback itself must not be async. */
  async writeInPlace(size: number, fill: Fill, options?: AsyncWaitOptions): Promise<number> {
    const operation = this.awaitedOperation<WriteOperation>()
    const timeoutMs = timeoutOf(options)
    const signal = signalOf(options)
    checkFunction(fill, 'callback')
    const startedMs = timeoutMs === undefined ? 0 : performance.now()
    operation.beginLending(checkInPlaceSize(size, operation.memory.inPlaceBytes))
    const lent = this.wait(operation, timeoutMs, signal)
    if (lent !== undefined) await lent
    this.lending(operation, fillIn, fill)
    operation.timeoutMs = timeoutMs
    const waited = this.resume(operation, timeLeft(timeoutMs, startedMs), signal)
    if (waited !== undefined) await waited
    return operation.moved
  }

  /**
   * Reads everything up to the end of `source` straight into the shared memory, blocking, and writes it. `copySync` comes here. While
   * the source is read, writers of other threads wait.
   *
   * @returns bytes written
   * @throws what the source or this writer throws, with `bytesWritten`
   */
  readFromSync(source: ReaderSync): number {
    let total = 0
    for (;;) {
      const operation = this.blockingOperation<WriteOperation>()
      copying(total, () => this.callLending(operation, pieceBytes(operation.memory)))
      const read = this.lending(operation, readInto, source)
      const n = commitRead(operation, read, total)
      if (n === null) return total
      if (n === 0) continue
      copying(total, () => this.block(operation), operation)
      total += operation.moved
    }
  }

  /** Reads like {@link readFromSync}, but awaits the source and the readers. */
  async readFrom(source: Reader): Promise<number> {
    let total = 0
    for (;;) {
      const operation = this.awaitedOperation<WriteOperation>()
      operation.beginLending(pieceBytes(operation.memory))
      await copyingAsync(total, () => this.wait(operation))
      const n = commitRead(operation, await attemptAsync(() => source.read(operation.lent)), total)
      if (n === null) return total
      if (n === 0) continue
      await copyingAsync(total, () => this.resume(operation), operation)
      total += operation.moved
    }
  }
}

/** The most that `readFrom` reads at a time, in bytes. */
const COPY_BYTES = 64 * 1024

/** How much `readFrom` reads at a time: half of a buffer, so that it is filled while it is emptied. */
function pieceBytes({ capacity, inPlaceBytes }: PipeMemory): number {
  return Math.min(COPY_BYTES, capacity > 0 ? Math.ceil(capacity / 2) : inPlaceBytes)
}

function writeOperation(memory: PipeMemory, owner: number, turn: Turn): WriteOperation {
  return memory.capacity > 0 ? new BufferedWrite(memory, owner, turn) : new RendezvousWrite(memory, owner, turn)
}

function timeLeft(timeoutMs: number | undefined, startedMs: number): number | undefined {
  return timeoutMs === undefined ? undefined : Math.max(0, startedMs + timeoutMs - performance.now())
}
