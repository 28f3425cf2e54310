import { checkObject, describe } from './checks.ts'
import { addProgress, beforeCall, PipeError, sayProgress } from './errors.ts'

/**
 * Go's io helpers over anything that reads and writes, in a blocking and an awaited kind. Each is written once, as a generator that yields
 * the calls it wants made; the blocking kind makes them, the other awaits them.
 */

/** What bytes are read from, blocking. Gives the number of bytes read into `target`, `null` at the end. */
export interface ReaderSync {
  /** Fills `target`, or a part of it, and blocks until it has. @returns bytes; null at the end */
  readSync(target: Uint8Array): number | null
}

/** What bytes are written to, blocking. Takes all of `source`, and gives its length. */
export interface WriterSync {
  /** Writes all of `source`, and blocks until it has. @returns bytes */
  writeSync(source: Uint8Array): number
}

/** What bytes are read from, awaited. Gives the number of bytes read into `target`, `null` at the end. */
export interface Reader {
  /** Fills `target`, or a part of it. @returns bytes; null at the end */
  read(target: Uint8Array): Promise<number | null>
}

/** What bytes are written to, awaited. Takes all of `source`, and gives its length. */
export interface Writer {
  /** Writes all of `source`. @returns bytes */
  write(source: Uint8Array): Promise<number>
}

/** A source that can write itself to a destination better than through a buffer: the first fast path of `copySync`. */
export interface WriterToSync {
  /** Writes everything up to the end. @returns bytes written */
  writeToSync(destination: WriterSync): number
}

/** A destination that can read a source better than through a buffer: the second fast path of `copySync`. */
export interface ReaderFromSync {
  /** Reads everything up to the end. @returns bytes read */
  readFromSync(source: ReaderSync): number
}

/** The awaited twin of {@link WriterToSync}. */
export interface WriterTo {
  /** Writes all there is, up to the end, to `destination`. @returns bytes */
  writeTo(destination: Writer): Promise<number>
}

/** The awaited twin of {@link ReaderFromSync}. */
export interface ReaderFrom {
  /** Reads `source` up to its end. @returns bytes */
  readFrom(source: Reader): Promise<number>
}

const BUFFER_BYTES = 32 * 1024
/** What `readAll` begins with; it doubles from there. */
const FIRST_READ_BYTES = 512

const encoder = /* @__PURE__ */ new TextEncoder()

/** Calls to be made one after the other; each gives a count of bytes, or null for the end. */
type Calls<T> = Generator<() => unknown, T, unknown>
type Read = (target: Uint8Array) => unknown
type Write = (source: Uint8Array) => unknown

/**
 * Copies from source to destination until the end of the source, blocking: through `source.writeToSync` or `destination.readFromSync`
 * where there is one, else through a buffer of 32 KiB. Go's `io.Copy`.
 *
 * @returns bytes copied
 * @throws what the source or the destination throws, with `bytesWritten` = bytes copied by then; PipeError `ERR_PIPE_SHORT_WRITE`
 */
export function copySync(destination: WriterSync | ReaderFromSync, source: ReaderSync | WriterToSync): number {
  return (
    copyFastSync(destination, source) ?? makeCalls(copyCalls(writeSyncOf(destination), readSyncOf(source), newBuffer()))
  )
}

/**
 * Copies like {@link copySync}, through `buffer` where there is no fast path. Go's `io.CopyBuffer`.
 *
 * @throws RangeError if the buffer is empty
 */
export function copyBufferSync(
  destination: WriterSync | ReaderFromSync,
  source: ReaderSync | WriterToSync,
  buffer: Uint8Array,
): number {
  checkBuffer(buffer)
  return copyFastSync(destination, source) ?? makeCalls(copyCalls(writeSyncOf(destination), readSyncOf(source), buffer))
}

/**
 * Copies exactly `n` bytes, blocking, and reads no more than these. Go's `io.CopyN`.
 *
 * @throws PipeError `ERR_PIPE_UNEXPECTED_EOF` if the source ends before, with `bytesWritten`
 */
export function copyNSync(destination: WriterSync, source: ReaderSync, n: number): number {
  checkSink(destination, 'writeSync')
  checkSource(source, 'readSync')
  checkCount(n, 'number of bytes to copy')
  return makeCalls(copyNCalls(writeSyncOf(destination), readSyncOf(source), n))
}

/**
 * Fills `target` exactly, blocking. Go's `io.ReadFull`.
 *
 * @returns its length; `null` if the source was at its end
 * @throws PipeError `ERR_PIPE_UNEXPECTED_EOF` if it ends in the middle, with `bytesRead`
 */
export function readFullSync(source: ReaderSync, target: Uint8Array): number | null {
  checkTarget(target)
  return readAtLeastSync(source, target, target.length)
}

/**
 * Reads into `target` until it holds at least `min` bytes, blocking. Go's `io.ReadAtLeast`.
 *
 * @returns bytes read; `null` if the source was at its end
 * @throws PipeError `ERR_PIPE_SHORT_BUFFER` if `target` is smaller than `min`; `ERR_PIPE_UNEXPECTED_EOF` with `bytesRead`
 */
export function readAtLeastSync(source: ReaderSync, target: Uint8Array, min: number): number | null {
  checkSource(source, 'readSync')
  checkMinimum(target, min)
  return makeCalls(readAtLeastCalls(readSyncOf(source), target, min))
}

/**
 * Reads everything up to the end, blocking. Go's `io.ReadAll`.
 *
 * @param options.limit the most bytes to take
 * @throws RangeError when there are more than `limit` bytes
 */
export function readAllSync(source: ReaderSync, options?: { limit?: number }): Uint8Array<ArrayBuffer> {
  checkSource(source, 'readSync')
  return makeCalls(readAllCalls(readSyncOf(source), limitOf(options)))
}

/**
 * Copies like {@link copySync}, awaiting. The source may be any async iterable too: of bytes, or of strings, which go in UTF-8.
 */
export async function copy(
  destination: Writer | ReaderFrom,
  source: Reader | WriterTo | AsyncIterable<ArrayBufferView | string>,
): Promise<number> {
  // Node's streams have a `read` too, which is another thing.
  if (isAsyncIterable(source) && !has(source, 'readSync') && !has(source, 'writeTo')) {
    return copyChunks(destination, source)
  }
  const fast = copyFast(destination, source as Reader | WriterTo)
  return fast ?? awaitCalls(copyCalls(writeOf(destination), readOf(source), newBuffer()))
}

/** Copies like {@link copyBufferSync}, awaiting. */
export async function copyBuffer(
  destination: Writer | ReaderFrom,
  source: Reader | WriterTo,
  buffer: Uint8Array,
): Promise<number> {
  checkBuffer(buffer)
  return copyFast(destination, source) ?? awaitCalls(copyCalls(writeOf(destination), readOf(source), buffer))
}

/** Copies like {@link copyNSync}, awaiting. */
export async function copyN(destination: Writer, source: Reader, n: number): Promise<number> {
  checkSink(destination, 'write')
  checkSource(source, 'read')
  checkCount(n, 'number of bytes to copy')
  return awaitCalls(copyNCalls(writeOf(destination), readOf(source), n))
}

/** Reads like {@link readFullSync}, awaiting. */
export async function readFull(source: Reader, target: Uint8Array): Promise<number | null> {
  checkTarget(target)
  return readAtLeast(source, target, target.length)
}

/** Reads like {@link readAtLeastSync}, awaiting. */
export async function readAtLeast(source: Reader, target: Uint8Array, min: number): Promise<number | null> {
  checkSource(source, 'read')
  checkMinimum(target, min)
  return awaitCalls(readAtLeastCalls(readOf(source), target, min))
}

/** Reads like {@link readAllSync}, awaiting. */
export async function readAll(source: Reader, options?: { limit?: number }): Promise<Uint8Array<ArrayBuffer>> {
  checkSource(source, 'read')
  return awaitCalls(readAllCalls(readOf(source), limitOf(options)))
}

function makeCalls<T>(calls: Calls<T>): T {
  let step = calls.next()
  while (step.done !== true) {
    let result: unknown
    try {
      result = step.value()
    } catch (error) {
      step = calls.throw(error)
      continue
    }
    step = calls.next(result)
  }
  return step.value
}

async function awaitCalls<T>(calls: Calls<T>): Promise<T> {
  let step = calls.next()
  while (step.done !== true) {
    let result: unknown
    try {
      result = await step.value()
    } catch (error) {
      step = calls.throw(error)
      continue
    }
    step = calls.next(result)
  }
  return step.value
}

function* copyCalls(write: Write, read: Read, buffer: Uint8Array): Calls<number> {
  let copied = 0
  for (;;) {
    const n = yield* readCall(read, buffer, copied)
    if (n === null) return copied
    if (n > 0) yield* writeCalls(write, buffer.subarray(0, n), copied)
    copied += n
  }
}

function* copyNCalls(write: Write, read: Read, total: number): Calls<number> {
  const buffer = new Uint8Array(Math.min(Math.max(total, 1), BUFFER_BYTES))
  let copied = 0
  while (copied < total) {
    const n = yield* readCall(read, buffer.subarray(0, Math.min(buffer.length, total - copied)), copied)
    if (n === null) throw sayProgress(unexpectedEnd(total), 'bytesWritten', copied)
    if (n > 0) yield* writeCalls(write, buffer.subarray(0, n), copied)
    copied += n
  }
  return copied
}

/** One read of a copy, whose error says how much had been copied: what the error says of the source's own calls does not count. */
function* readCall(read: Read, target: Uint8Array, copied: number): Calls<number | null> {
  try {
    return checkRead(yield () => read(target), target.length)
  } catch (error) {
    throw sayProgress(error, 'bytesWritten', copied)
  }
}

function* writeCalls(write: Write, bytes: Uint8Array, copied: number): Calls<void> {
  const call = beforeCall()
  try {
    checkWritten(yield () => write(bytes), bytes)
  } catch (error) {
    throw addProgress(error, 'bytesWritten', copied, call)
  }
}

function checkWritten(n: unknown, bytes: Uint8Array): void {
  if (typeof n !== 'number' || !(n >= 0 && n <= bytes.length)) {
    throw new TypeError(`The destination gave ${describe(n)} as the number of bytes written, of ${bytes.length}`)
  }
  if (n < bytes.length) {
    const error = new PipeError('ERR_PIPE_SHORT_WRITE', `The destination took ${n} of ${bytes.length} bytes`)
    error.bytesWritten = n
    throw error
  }
}

function* readAtLeastCalls(read: Read, target: Uint8Array, min: number): Calls<number | null> {
  let got = 0
  while (got < min) {
    const call = beforeCall()
    try {
      const rest = target.subarray(got)
      const n = checkRead(yield () => read(rest), rest.length)
      if (n === null) {
        if (got === 0) return null
        throw unexpectedEnd(min)
      }
      got += n
    } catch (error) {
      throw addProgress(error, 'bytesRead', got, call)
    }
  }
  return got
}

function* readAllCalls(read: Read, limit: number): Calls<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(FIRST_READ_BYTES)
  let got = 0
  for (;;) {
    if (got === bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
    const call = beforeCall()
    try {
      const rest = bytes.subarray(got)
      const n = checkRead(yield () => read(rest), rest.length)
      if (n === null) return bytes.slice(0, got)
      got += n
    } catch (error) {
      throw addProgress(error, 'bytesRead', got, call)
    }
    if (got > limit) throw new RangeError(`There are more bytes to read than the limit of ${limit}`)
  }
}

function copyFastSync(destination: WriterSync | ReaderFromSync, source: ReaderSync | WriterToSync): number | undefined {
  if (has(source, 'writeToSync') && has(destination, 'writeSync')) {
    return (source as WriterToSync).writeToSync(destination as WriterSync)
  }
  if (has(destination, 'readFromSync') && has(source, 'readSync')) {
    return (destination as ReaderFromSync).readFromSync(source as ReaderSync)
  }
  checkSink(destination, 'writeSync')
  checkSource(source, 'readSync')
  return undefined
}

function copyFast(destination: Writer | ReaderFrom, source: Reader | WriterTo): Promise<number> | undefined {
  if (has(source, 'writeTo') && has(destination, 'write')) return (source as WriterTo).writeTo(destination as Writer)
  if (has(destination, 'readFrom') && has(source, 'read')) return (destination as ReaderFrom).readFrom(source as Reader)
  checkSink(destination, 'write')
  checkSource(source, 'read')
  return undefined
}

async function copyChunks(
  destination: Writer | ReaderFrom,
  source: AsyncIterable<ArrayBufferView | string>,
): Promise<number> {
  checkSink(destination, 'write')
  let copied = 0
  let writing = false
  try {
    for await (const chunk of source) {
      const bytes = chunkBytes(chunk)
      writing = true
      if (bytes.length > 0) await awaitCalls(writeCalls(writeOf(destination), bytes, copied))
      writing = false
      copied += bytes.length
    }
  } catch (error) {
    throw writing ? error : sayProgress(error, 'bytesWritten', copied)
  }
  return copied
}

function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return encoder.encode(chunk)
  if (chunk instanceof Uint8Array) return chunk
  if (ArrayBuffer.isView(chunk)) return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new TypeError(`The source's chunks must be bytes or strings, not ${describe(chunk)}`)
}

function writeSyncOf(destination: WriterSync | ReaderFromSync): Write {
  return (bytes) => (destination as WriterSync).writeSync(bytes)
}

function readSyncOf(source: ReaderSync | WriterToSync): Read {
  return (target) => (source as ReaderSync).readSync(target)
}

function writeOf(destination: Writer | ReaderFrom): Write {
  return (bytes) => (destination as Writer).write(bytes)
}

function readOf(source: unknown): Read {
  return (target) => (source as Reader).read(target)
}

function newBuffer(): Uint8Array {
  return new Uint8Array(BUFFER_BYTES)
}

/** A count that a source gave, if it can be one. */
function checkRead(n: unknown, length: number): number | null {
  if (n === null) return null
  if (typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= length) return n
  throw new TypeError(`The source gave ${describe(n)} as the number of bytes read, of at most ${length}`)
}

function unexpectedEnd(wanted: number): PipeError {
  return new PipeError('ERR_PIPE_UNEXPECTED_EOF', `The source ended before ${wanted} bytes were there`)
}

function has(value: unknown, method: string): boolean {
  return typeof value === 'object' && value !== null && typeof (value as Record<string, unknown>)[method] === 'function'
}

function isAsyncIterable(value: unknown): value is AsyncIterable<ArrayBufferView | string> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value
}

function checkSource(source: unknown, method: string): void {
  checkObject(source, 'source')
  checkMethod(source, 'source', method)
}

function checkSink(destination: unknown, method: string): void {
  checkObject(destination, 'destination')
  checkMethod(destination, 'destination', method)
}

function checkMethod(value: unknown, what: string, method: string): void {
  if (!has(value, method))
    throw new TypeError(`The ${what} must have a method ${method}, which ${describe(value)} has not`)
}

function checkTarget(target: unknown): void {
  if (!(target instanceof Uint8Array)) throw new TypeError(`The target must be a Uint8Array, not ${describe(target)}`)
}

function checkBuffer(buffer: unknown): void {
  if (!(buffer instanceof Uint8Array)) throw new TypeError(`The buffer must be a Uint8Array, not ${describe(buffer)}`)
  if (buffer.length === 0) throw new RangeError('The buffer must be of at least 1 byte, not 0')
}

function checkCount(n: unknown, what: string): void {
  if (typeof n !== 'number') throw new TypeError(`The ${what} must be a number, not ${describe(n)}`)
  if (!Number.isSafeInteger(n) || n < 0) throw new RangeError(`The ${what} must be a whole number from 0, not ${n}`)
}

function checkMinimum(target: unknown, min: number): void {
  checkTarget(target)
  checkCount(min, 'least number of bytes')
  const { length } = target as Uint8Array
  if (length < min) {
    throw new PipeError('ERR_PIPE_SHORT_BUFFER', `The target of ${length} bytes is smaller than the ${min} asked for`)
  }
}

function limitOf(options: { limit?: number } | undefined): number {
  if (options === undefined) return Infinity
  checkObject(options, 'options')
  const { limit } = options
  if (limit === undefined || limit === Infinity) return Infinity
  checkCount(limit, 'limit')
  return limit
}
