import { platform } from '#platform'
import type { Half } from './errors.ts'
import { MAX_ERROR_BYTES, MAX_WINDOW, MIN_ERROR_BYTES } from './memory.ts'

/** Refuses bad input before anything is touched (C31). Every message names the value and the limit. */

/** How long a call may wait. */
export interface WaitOptions {
  /** Milliseconds to wait at most; 0 = do not wait. Without it the operation waits for as long as it takes. */
  timeout?: number
}

/** How long an awaited call may wait, and what cancels it. */
export interface AsyncWaitOptions extends WaitOptions {
  /** Cancels the operation when it fires. */
  signal?: AbortSignal
}

/** What crosses threads: give it to `workerData`, `postMessage` or `structuredClone`, and rebuild the half there with `from`. */
export interface PipeHandle {
  /** All of the pipe's state. */
  readonly memory: SharedArrayBuffer
  /** Which half of it. */
  readonly half: Half
}

const encoder = /* @__PURE__ */ new TextEncoder()

const typedArray = /* @__PURE__ */ typedArrayPrototype()
const typedArrayTag = /* @__PURE__ */ getterOf(typedArray, Symbol.toStringTag)

function typedArrayPrototype(): Uint8Array {
  return Object.getPrototypeOf(Uint8Array.prototype)
}

function getterOf(prototype: object, key: PropertyKey): (() => unknown) | undefined {
  return Object.getOwnPropertyDescriptor(prototype, key)?.get
}

/** Tells a typed array, also one of another realm, from a DataView. */
function isTypedArray(view: ArrayBufferView): boolean {
  return typedArrayTag?.call(view) !== undefined
}

/** The bytes of a view of any kind. @throws TypeError */
export function bytesOf(view: ArrayBufferView, what: string): Uint8Array {
  if (!ArrayBuffer.isView(view)) {
    throw new TypeError(`The ${what} must be a TypedArray, a Buffer or a DataView, not ${describe(view)}`)
  }
  if ((view as Uint8Array).length > 0 && platform.isPlain(view)) return view
  try {
    // A typed array beyond the end of its buffer says that it is empty; its methods tell.
    if (view.byteLength === 0 && isTypedArray(view)) typedArray.keys.call(view)
    // Refuses the buffer if it is detached, and reads the extent of a DataView, which throws if it is out of bounds.
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  } catch {
    throw new TypeError(`The ${what} is a view of a buffer that was detached or has shrunk`)
  }
}

/** The bytes to write: those of a view, or a string's in UTF-8. @throws TypeError */
export function sourceBytes(source: ArrayBufferView | string): Uint8Array {
  return typeof source === 'string' ? encoder.encode(source) : bytesOf(source, 'source')
}

/** The bytes of each of many views. @throws TypeError */
export function piecesOf(sources: readonly ArrayBufferView[]): Uint8Array[] {
  if (!Array.isArray(sources)) throw new TypeError(`The sources must be an array of views, not ${describe(sources)}`)
  return Array.from(sources, (source, i) => bytesOf(source, `source ${i}`))
}

/** The size of a write in place. @throws TypeError, RangeError that says the limit */
export function checkInPlaceSize(size: number, limit: number): number {
  if (typeof size !== 'number') throw new TypeError(`The size must be a number of bytes, not ${describe(size)}`)
  if (!Number.isInteger(size) || size < 0 || size > limit) {
    throw new RangeError(`The size of a write in place must be a whole number of bytes from 0 to ${limit}, not ${size}`)
  }
  return size
}

/** @returns the time-out in ms, or undefined for none. @throws TypeError, RangeError */
export function timeoutOf(options: WaitOptions | undefined): number | undefined {
  if (options === undefined) return undefined
  checkObject(options, 'options')
  const { timeout } = options
  if (timeout === undefined) return undefined
  if (typeof timeout !== 'number')
    throw new TypeError(`The timeout must be a number of milliseconds, not ${describe(timeout)}`)
  if (!(timeout >= 0)) throw new RangeError(`The timeout must be 0 or more milliseconds, not ${timeout}`)
  return timeout === Infinity ? undefined : timeout
}

/** @throws TypeError */
export function signalOf(options: AsyncWaitOptions | undefined): AbortSignal | undefined {
  const signal = options?.signal
  if (signal === undefined) return undefined
  const valid =
    typeof signal === 'object' &&
    signal !== null &&
    ['addEventListener', 'removeEventListener'].every(
      (method) => typeof signal[method as keyof AbortSignal] === 'function',
    )
  if (!valid) throw new TypeError(`The signal must be an AbortSignal, not ${describe(signal)}`)
  return signal
}

/** The memory of a handle, looked at once: a getter may give something else the next time. @throws TypeError if it is no handle of this half */
export function memoryOf(handle: PipeHandle, half: Half): SharedArrayBuffer {
  checkObject(handle, 'handle')
  const { memory } = handle
  if (!isShared(memory)) {
    throw new TypeError(`The memory of a pipe's handle must be a SharedArrayBuffer, not ${describe(memory)}`)
  }
  if (handle.half !== half) {
    throw new TypeError(`Cannot make a ${half} of a handle whose half is ${describe(handle.half)}`)
  }
  return memory
}

/** Undefined where there is no shared memory: in web pages that are not isolated. */
const sharedLength = /* @__PURE__ */ sharedLengthGetter()

function sharedLengthGetter(): (() => unknown) | undefined {
  return typeof SharedArrayBuffer === 'function' ? getterOf(SharedArrayBuffer.prototype, 'byteLength') : undefined
}

/** Tells shared memory, also that of another realm, from objects that only say so. */
function isShared(value: unknown): boolean {
  try {
    return sharedLength?.call(value) !== undefined
  } catch {
    return false
  }
}

/** @throws TypeError, RangeError */
export function sizeOption(
  name: 'capacity' | 'window' | 'errorBytes',
  value: number | undefined,
  otherwise: number,
): number {
  if (value === undefined) return otherwise
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number of bytes, not ${describe(value)}`)
  const [low, high] = LIMITS[name]
  if (!Number.isInteger(value) || value < low || value > high) {
    throw new RangeError(`${name} must be a whole number of bytes from ${low} to ${high}, not ${value}`)
  }
  return value
}

const LIMITS = {
  capacity: [0, MAX_WINDOW],
  window: [1, MAX_WINDOW],
  errorBytes: [MIN_ERROR_BYTES, MAX_ERROR_BYTES],
} as const

export function checkObject(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null)
    throw new TypeError(`The ${what} must be an object, not ${describe(value)}`)
}

/** Refuses what is no half, such as a handle that has come from another thread. @throws TypeError */
export function checkHalf(value: unknown, half: Half): void {
  const name = half === 'reader' ? 'PipeReader' : 'PipeWriter'
  const method = half === 'reader' ? 'read' : 'write'
  if (typeof (value as Record<string, unknown> | null | undefined)?.[method] === 'function') return
  const isHandle = (value as Partial<PipeHandle> | null | undefined)?.half === half
  const hint = isHandle ? `: rebuild the half with ${name}.from` : ''
  throw new TypeError(`The ${half} must be a ${name}, not ${describe(value)}${hint}`)
}

export function checkFunction(value: unknown, what: string): void {
  if (typeof value !== 'function') throw new TypeError(`The ${what} must be a function, not ${describe(value)}`)
}

/** A value in a few words, for messages. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > 32 ? `a string of ${value.length} characters` : JSON.stringify(value)
    case 'object':
      return value === null ? 'null' : `an object of class ${className(value)}`
    case 'function':
      return 'a function'
    case 'bigint':
      return `${value}n`
    default:
      return String(value)
  }
}

function className(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}
