import type { PipeHandle } from 'threadpipe'

/** One call of a model run, as it goes to a thread, and what comes back. */
export interface Call {
  id: number
  half: 'reader' | 'writer'
  kind: 'plain' | 'pieces' | 'in place' | 'next'
  awaited: boolean
  /** Of a write; of a read's target; of a read in place, the most that it consumes. */
  size: number
  timeout: number | undefined
  signal: boolean
}

/** What a call gave: bytes, or how it failed; and how long it took. */
export type Reply = { id: number; ms: number } & Outcome

export type Outcome =
  | { n: number | null; bytes: Uint8Array | undefined }
  | { failed: string; bytesWritten: number | undefined }

/** What a thread is told: the pipe of the next case, a call, or to fire the signal of one. */
export type Order = { handles: { reader: PipeHandle; writer: PipeHandle } } | { call: Call } | { cancel: number }

/** The byte at a place of what a call writes: no two writes of a case look alike for long. */
export function byteOf(id: number, place: number): number {
  return (id * 53 + place * 7 + (place >> 8)) & 0xff
}

/** Errors of its own are told by message, those of the pipe by code. */
export function failureName(error: unknown): string {
  const { code, message } = error as { code?: unknown; message: string }
  return typeof code === 'string' ? code : message
}

export const TIMED_OUT = 'ERR_PIPE_TIMEOUT'
export const CANCELLED = 'ABORT_ERR'
export const CLOSED = 'ERR_PIPE_CLOSED'

/** How the halves of a pipe have ended: `CLOSED`, or the message of an error. */
export interface Ends {
  writer?: string
  reader?: string
  abort?: string
}

/** What an operation of a half says when the pipe has ended; null = end of file (C11, C12, C14, C26). Undefined while it has not. */
export function endFor(half: 'reader' | 'writer', ends: Ends): string | null | undefined {
  if (ends.abort !== undefined) return ends.abort
  if (ends[half] !== undefined) return CLOSED
  const other = ends[half === 'reader' ? 'writer' : 'reader']
  return other === CLOSED && half === 'reader' ? null : other
}

/** A model beside the pipe: told of every call and end, it says which replies can be, and which must come now. */
export interface Model {
  begin(call: Call): void
  cancel(id: number): void
  end(ends: Ends): void
  /** Calls that nothing keeps from being over. */
  due(): number[]
  /** @returns what could have been instead; undefined if this can be */
  reply(reply: Reply): string | undefined
  /** Bytes gone over, once all calls are over. */
  total(): number
}
