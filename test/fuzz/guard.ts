import { platform } from '#platform'
import { errorOffset, SHORT_AT, SHORT_BYTES, WRITER_DONE, windowOffset } from '../../src/layout.ts'

/**
 * Watches what this thread does to the memory of pipes: bytes go into and out of the window only, and atomic steps are made on the words before
 * the error texts only. It stands in for `platform.copy` and for the functions of `Atomics` from when it is imported.
 */

/** The bytes of a pipe's memory that are what. Computed from the sizes it was made with, not from those written in it. */
export interface Bounds {
  readonly wordsEnd: number
  readonly windowStart: number
  readonly windowEnd: number
}

export class OutsideError extends Error {}

const guarded = new WeakMap<ArrayBufferLike, Bounds>()
let violation: OutsideError | undefined
let copies = 0

export function guard(memory: SharedArrayBuffer, errorBytes: number): void {
  guarded.set(memory, {
    wordsEnd: errorOffset(WRITER_DONE, errorBytes) / Int32Array.BYTES_PER_ELEMENT,
    windowStart: windowOffset(errorBytes),
    windowEnd: memory.byteLength,
  })
}

/** The first access out of bounds since the last time it was asked for, also one whose error somebody swallowed. */
export function takeViolation(): OutsideError | undefined {
  const taken = violation
  violation = undefined
  return taken
}

/** Copies that were watched so far. */
export function copiesSeen(): number {
  return copies
}

/** Checks bytes that were lent to a callback. */
export function checkLent(bytes: Uint8Array, alignment: number): void {
  checkRange('the lent view', bytes, 0, bytes.length)
  if (bytes.byteOffset % alignment !== 0) fail(`the lent view starts at byte ${bytes.byteOffset}`)
}

function fail(what: string): never {
  const error = new OutsideError(what)
  violation ??= error
  throw error
}

function checkRange(what: string, view: Uint8Array, start: number, length: number): void {
  const whole = Number.isInteger(start) && Number.isInteger(length) && start >= 0 && length >= 0
  if (!whole || start + length > view.length) {
    fail(`${what}: ${length} bytes from ${start} on, of a view of ${view.length}`)
  }
  const bounds = guarded.get(view.buffer)
  if (bounds === undefined) return
  const from = view.byteOffset + start
  if (from < bounds.windowStart || from + length > bounds.windowEnd) {
    fail(`${what}: ${length} bytes from byte ${from} on; the window is ${bounds.windowStart} to ${bounds.windowEnd}`)
  }
}

/** Whether bytes lie where short writes stand. */
function areShort(view: Uint8Array, start: number, length: number): boolean {
  const from = view.byteOffset + start
  return guarded.has(view.buffer) && from === SHORT_AT && length <= SHORT_BYTES
}

function checkCopied(what: string, view: Uint8Array, start: number, length: number): void {
  if (!areShort(view, start, length)) checkRange(what, view, start, length)
}

const { copy } = platform
platform.copy = (target, targetStart, source, sourceStart, length) => {
  copies += 1
  checkCopied('the target of a copy', target, targetStart, length)
  checkCopied('the source of a copy', source, sourceStart, length)
  copy(target, targetStart, source, sourceStart, length)
}

const STEPS = [
  'load',
  'store',
  'add',
  'and',
  'or',
  'exchange',
  'compareExchange',
  'wait',
  'waitAsync',
  'notify',
] as const

for (const step of STEPS) {
  const original = Atomics[step] as (...args: unknown[]) => unknown
  const watched = (view: ArrayBufferView, index: number, ...rest: unknown[]): unknown => {
    if (view instanceof Int32Array) {
      const bounds = guarded.get(view.buffer)
      if (bounds !== undefined && !(index >= 0 && index < bounds.wordsEnd)) {
        fail(`Atomics.${step} on word ${index}; the error texts begin at word ${bounds.wordsEnd}`)
      }
    }
    return original(view, index, ...rest)
  }
  Object.defineProperty(Atomics, step, { value: watched })
}
