import type { Actor } from '../actor.ts'

/** A part that one thread plays; blocking unless it gives a promise. */
export type Part = (actor: Actor) => Promise<void> | void

export interface Scenario {
  readonly name: string
  readonly parts: readonly Part[]
  /** Bytes a write may leave unread; 0 = rendezvous. At most 64. */
  readonly capacity?: number
  /** What calls may throw: codes, or name and message. Without any, nothing may fail. */
  readonly errors?: readonly string[]
  /** Bits of a byte that say where in its write it stands; the others say which write. */
  readonly bits?: number
  /** Threads whose part is like that of the thread before them. */
  readonly twins?: readonly number[]
  /** The thread that dies, at every step in turn. */
  readonly victim?: number
  /** Some part awaits. */
  readonly awaits?: boolean
  /** Spinning before sleeping, as on a machine with more than one core. */
  readonly spins?: boolean
  /** Bytes may be left in the buffer when all is over. */
  readonly leavesBytes?: boolean
  /** Sets the memory up before a schedule. */
  readonly prepare?: (words: Int32Array) => void
}

export const WINDOW = 128
export const CLOSED = 'ERR_PIPE_CLOSED'
export const TIMEOUT = 'ERR_PIPE_TIMEOUT'
export const OOPS = 'RangeError: oops'
/** Short enough that it may run out at any moment. */
export const SOON = { timeout: 10 }

/** Reads once, into a target that is larger than any write. */
export const readOnce = (a: Actor): void => void a.readSync(40)
export const readTwice = (a: Actor): void => {
  a.readSync(40)
  a.readSync(40)
}
/** Two writes, which together are more than the small buffers hold. */
export const writeTwice = (a: Actor): void => {
  a.writeSync(0, 3)
  a.writeSync(1, 3)
}
