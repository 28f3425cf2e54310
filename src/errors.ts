/** What went wrong with a pipe, for callers to catch: see each code at {@link PipeError}. */
export type PipeErrorCode =
  | 'ERR_PIPE_CLOSED'
  | 'ERR_PIPE_TIMEOUT'
  | 'ERR_PIPE_PEER_EXITED'
  | 'ERR_PIPE_DEADLOCK'
  | 'ERR_PIPE_CORRUPT'
  | 'ERR_PIPE_UNEXPECTED_EOF'
  | 'ERR_PIPE_SHORT_WRITE'
  | 'ERR_PIPE_SHORT_BUFFER'

/**
 * Tells why an operation on a pipe failed, by `code`:
 *
 * - `ERR_PIPE_CLOSED`: this half was closed, or the other half was closed without an error (Go's `io.ErrClosedPipe`).
 * - `ERR_PIPE_TIMEOUT`: the `timeout` ran out first; the pipe is usable.
 * - `ERR_PIPE_PEER_EXITED`: the thread of the other half ended without closing it.
 * - `ERR_PIPE_DEADLOCK`: the call would block on something that only a pending `await` of its own thread could do.
 * - `ERR_PIPE_CORRUPT`: the shared control words make no sense: something else wrote over them.
 * - `ERR_PIPE_UNEXPECTED_EOF`: the end came in the middle (Go's `io.ErrUnexpectedEOF`).
 * - `ERR_PIPE_SHORT_WRITE`: a destination took less than it was given (Go's `io.ErrShortWrite`).
 * - `ERR_PIPE_SHORT_BUFFER`: a target is too small for what was asked (Go's `io.ErrShortBuffer`).
 */
export class PipeError extends Error {
  /** What callers tell errors apart by. */
  readonly code: PipeErrorCode
  /** Bytes that readers had taken when a write failed (C18). */
  declare bytesWritten?: number
  /** Bytes that had been read when a read failed. */
  declare bytesRead?: number

  constructor(code: PipeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  static {
    named('PipeError', PipeError)
  }
}

/** What an operation that was cancelled through its `signal` throws: named and coded as Node names its own. */
const AbortError = /* @__PURE__ */ named(
  'AbortError',
  class AbortError extends Error {
    readonly code = 'ABORT_ERR'

    constructor(message: string, cause: unknown) {
      super(message, { cause })
    }
  },
)

/** Names the errors of a class, on the prototype, as built-in ones have it: an own `name` would be one more thing to carry. */
function named<C extends { readonly prototype: Error }>(name: string, type: C): C {
  Object.defineProperty(type.prototype, 'name', { value: name, configurable: true, writable: true })
  return type
}

/** A half of a pipe, by name. */
export type Half = 'reader' | 'writer'

const CANNOT = { reader: 'Cannot read from the pipe', writer: 'Cannot write to the pipe' } as const
/** The other half. */
export const PEER = { reader: 'writer', writer: 'reader' } as const

/** This half was closed in some thread. */
export function closedHere(half: Half): PipeError {
  return new PipeError('ERR_PIPE_CLOSED', `${CANNOT[half]}: this ${half} was closed`)
}

/** The other half was closed without an error. */
export function closedThere(half: Half): PipeError {
  return new PipeError('ERR_PIPE_CLOSED', `${CANNOT[half]}: the ${PEER[half]} closed it`)
}

export function timedOut(half: Half, timeoutMs: number): PipeError {
  return new PipeError('ERR_PIPE_TIMEOUT', `${CANNOT[half]}: no ${PEER[half]} came within ${timeoutMs} ms`)
}

export function cancelled(half: Half, reason: unknown): Error {
  return new AbortError(`${CANNOT[half]}: the operation was aborted by its signal`, reason)
}

export function deadlocked(half: Half): PipeError {
  return new PipeError(
    'ERR_PIPE_DEADLOCK',
    `${CANNOT[half]}: the blocking call would wait for a pending await of this same thread, which cannot go on while the call blocks`,
  )
}

const CALLS = { reader: 'read', writer: 'write' } as const

/** A blocking call would have to wait where that is forbidden. */
export function cannotBlock(half: Half): TypeError {
  const call = CALLS[half]
  return new TypeError(
    `${CANNOT[half]} without a wait, and this thread may not block, as the main thread of a web page may not: ` +
      `await ${call}() in place of ${call}Sync(), and so with each call that ends in Sync`,
  )
}

export function reentered(half: Half): PipeError {
  return new PipeError(
    'ERR_PIPE_DEADLOCK',
    `${CANNOT[half]}: this ${half} is in use by the callback that makes the call`,
  )
}

/** The other half's threads are dead. */
export function exitedThere(half: Half): PipeError {
  return new PipeError(
    'ERR_PIPE_PEER_EXITED',
    `${CANNOT[half]}: the thread that held its ${PEER[half]} ended without closing it`,
  )
}

/** Another thread that held this half is dead, in the middle of what it did. */
export function exitedHere(half: Half): PipeError {
  return new PipeError(
    'ERR_PIPE_PEER_EXITED',
    `${CANNOT[half]}: a thread that held this ${half} ended in the middle of a call`,
  )
}

/** The thread that ended the pipe with an error did not live to write the error down. */
export function detailLost(half: Half): PipeError {
  return new PipeError(
    'ERR_PIPE_PEER_EXITED',
    `${CANNOT[half]}: it was ended with an error, but the thread that did so died before it could say which`,
  )
}

export function corrupt(what: string, value: number): PipeError {
  return new PipeError('ERR_PIPE_CORRUPT', `The shared memory of the pipe is corrupt: ${what} is ${value}`)
}

export function detachedMeanwhile(half: Half, bytes: number, left: number): TypeError {
  return new TypeError(
    `${CANNOT[half]}: the buffer of ${bytes} bytes was detached or resized to ${left} bytes during the operation`,
  )
}

/** Says on any error how far the operation came (C18), and gives the error back. */
export function withProgress(error: Error, half: Half, bytes: number): Error {
  if (half === 'reader' && bytes === 0) return error
  const name = half === 'writer' ? 'bytesWritten' : 'bytesRead'
  Object.defineProperty(error, name, { value: bytes, configurable: true, enumerable: true, writable: true })
  return error
}

/** What was said last on an error about its progress, and when: one that is thrown again must not be believed to speak of this time. */
const said = new WeakMap<object, { name: string; value: number; serial: number }>()
let serial = 0

/** The moment before a call, for `progressOf` its error. */
export function beforeCall(): number {
  return serial
}

/** How far an error of a call says that it came; undefined if it says nothing, or only what was written on it here before the call. */
export function progressOf(error: unknown, name: 'bytesWritten' | 'bytesRead', before: number): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const value = (error as Record<string, unknown>)[name]
  if (typeof value !== 'number') return undefined
  const last = said.get(error)
  const stale = last !== undefined && last.serial <= before && last.name === name && last.value === value
  return stale ? undefined : value
}

/** Says on an error how far a copy came that it has ended. */
export function sayProgress(error: unknown, name: 'bytesWritten' | 'bytesRead', value: number): unknown {
  if (typeof error !== 'object' || error === null || !Object.isExtensible(error)) return error
  Object.defineProperty(error, name, { value, configurable: true, enumerable: true, writable: true })
  serial += 1
  said.set(error, { name, value, serial })
  return error
}

/** Says it of the error of one call, made at the moment `call`, after others that had come to `done`. */
export function addProgress(error: unknown, name: 'bytesWritten' | 'bytesRead', done: number, call: number): unknown {
  return sayProgress(error, name, done + (progressOf(error, name, call) ?? 0))
}
