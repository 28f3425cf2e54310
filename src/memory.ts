import { platform } from '#platform'
import {
  CAPACITY,
  ERROR_BYTES,
  MAGIC,
  MAGIC_VALUE,
  memoryBytes,
  pastEndBytes,
  ringBytes,
  SHORT_AT,
  SHORT_BYTES,
  VERSION,
  VERSION_VALUE,
  WINDOW,
  windowOffset,
} from './layout.ts'

/** The views of one thread over the memory of one pipe, and the sizes that were checked when they were made. */
export interface PipeMemory {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  readonly floats: Float64Array
  readonly nanos: BigInt64Array
  /** The ring of bytes that are under way; in a buffered pipe, with what lies past its end. */
  readonly window: Uint8Array
  /** The place of a short write. */
  readonly short: Uint8Array
  /** What a count of bytes is masked with to give a position in the ring. */
  readonly mask: number
  /** Bytes a write may leave unread when it returns; 0 = rendezvous. */
  readonly capacity: number
  /** The largest write in place, in bytes. */
  readonly inPlaceBytes: number
  readonly errorBytes: number
  /** When a wait last looked after the threads that hold the pipe, in ms of this thread's clock; when it did so thoroughly, and how much later than usual it does again. */
  lookedMs: number
  lookedWellMs: number
  patienceMs: number
}

export interface PipeSizes {
  capacity: number
  window: number
  errorBytes: number
}

/** The largest size of a window or a capacity: 1 GiB. Also keeps differences of 31-bit counts unambiguous, and leaves them a bit that tells laps of the ring apart. */
export const MAX_WINDOW = 0x4000_0000
/** The least room for an error: its class, name, code and some words. */
export const MIN_ERROR_BYTES = 128
export const MAX_ERROR_BYTES = 0x100_0000

/** Makes the memory of a new pipe. @throws TypeError where there is no shared memory, RangeError where there is not so much */
export function createMemory(sizes: PipeSizes): PipeMemory {
  const buffer = allocate(memoryBytes(sizes.errorBytes, windowOf(sizes)))
  const words = wordsOf(buffer)
  words[VERSION] = VERSION_VALUE
  words[CAPACITY] = sizes.capacity
  words[WINDOW] = sizes.window
  words[ERROR_BYTES] = sizes.errorBytes
  Atomics.store(words, MAGIC, MAGIC_VALUE)
  return view(buffer, sizes)
}

function allocate(bytes: number): SharedArrayBuffer {
  if (typeof SharedArrayBuffer === 'undefined') {
    throw new TypeError(
      'Cannot make a pipe: there is no SharedArrayBuffer. A web page has it if it is served with the headers ' +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    )
  }
  try {
    return platform.allocate(bytes)
  } catch (cause) {
    throw new RangeError(`Cannot make a pipe: ${bytes} bytes of shared memory cannot be had`, { cause })
  }
}

/** Opens memory that came from another thread. @throws TypeError where it is no pipe's, or one of another version */
export function openMemory(buffer: SharedArrayBuffer): PipeMemory {
  if (buffer.byteLength < memoryBytes(MIN_ERROR_BYTES, 0) || buffer.byteLength % Float64Array.BYTES_PER_ELEMENT !== 0) {
    throw new TypeError(`Cannot open the pipe: the memory is ${buffer.byteLength} bytes, which no pipe is`)
  }
  const words = wordsOf(buffer)
  const word = (index: number): number => Atomics.load(words, index)
  if (word(MAGIC) !== MAGIC_VALUE) {
    throw new TypeError('Cannot open the pipe: the memory was not made by pipe()')
  }
  if (word(VERSION) !== VERSION_VALUE) {
    throw new TypeError(
      `Cannot open the pipe: the memory is of version ${word(VERSION)}, this is version ${VERSION_VALUE} of its layout`,
    )
  }
  const sizes = { capacity: word(CAPACITY), window: word(WINDOW), errorBytes: word(ERROR_BYTES) }
  const valid =
    isBetween(sizes.capacity, 0, MAX_WINDOW) &&
    isBetween(sizes.window, 1, MAX_WINDOW) &&
    isBetween(sizes.errorBytes, MIN_ERROR_BYTES, MAX_ERROR_BYTES) &&
    memoryBytes(sizes.errorBytes, windowOf(sizes)) === buffer.byteLength
  if (!valid) {
    throw new TypeError(
      `Cannot open the pipe: its memory of ${buffer.byteLength} bytes does not fit the sizes written in it ` +
        `(capacity ${sizes.capacity}, window ${sizes.window}, errorBytes ${sizes.errorBytes})`,
    )
  }
  return view(buffer, sizes)
}

function wordsOf(buffer: SharedArrayBuffer): Int32Array {
  return new Int32Array(buffer, 0, buffer.byteLength / Int32Array.BYTES_PER_ELEMENT)
}

/** The views have a length of their own: memory may be made so that it could grow, and V8 is slow with views that would grow with it. */
function view(buffer: SharedArrayBuffer, sizes: PipeSizes): PipeMemory {
  const length = buffer.byteLength / Float64Array.BYTES_PER_ELEMENT
  return {
    buffer,
    words: wordsOf(buffer),
    floats: new Float64Array(buffer, 0, length),
    nanos: new BigInt64Array(buffer, 0, length),
    window: platform.shared(buffer, windowOffset(sizes.errorBytes), windowOf(sizes)),
    short: platform.shared(buffer, SHORT_AT, SHORT_BYTES),
    mask: ringOf(sizes) - 1,
    capacity: sizes.capacity,
    inPlaceBytes: sizes.capacity > 0 ? sizes.capacity : sizes.window,
    errorBytes: sizes.errorBytes,
    lookedMs: 0,
    lookedWellMs: 0,
    patienceMs: 0,
  }
}

/** A buffered pipe has no window beside its buffer. */
function ringOf({ capacity, window }: PipeSizes): number {
  return ringBytes(capacity > 0 ? capacity : window)
}

function windowOf(sizes: PipeSizes): number {
  return ringOf(sizes) + pastEndBytes(sizes.capacity)
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high
}
