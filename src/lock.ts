import { FREE, IMPATIENT, RESERVED } from './layout.ts'
import { wake } from './waiting.ts'

/**
 * A lock between threads that lets the running thread take it again at once (a hand-over to a sleeper costs 50 µs), but
 * starves nobody: a waiter that has waited for PATIENCE_MS marks the lock IMPATIENT, and its release makes it RESERVED, free
 * only for those who have waited as long. Nothing is ever handed to a sleeper, so one that dies, or whose event loop is busy,
 * holds nobody up: a newcomer who finds the lock RESERVED has waited long enough itself after PATIENCE_MS.
 *
 *     FREE ──anyone──▶ owner ──a long waiter──▶ owner + IMPATIENT
 *      ▲                 │ release                     │ release
 *      └─────────────────┘              RESERVED ◀─────┘
 *                                          │ only long waiters
 *                                          └──▶ owner
 */

/** How long a waiter lets others go first, in ms: long beside a transfer, short beside what a person notices. */
export const PATIENCE_MS = 1

/** Takes the lock if it is free for the caller. `impatient`: has waited for PATIENCE_MS. Acquires the edge `locked`. */
export function tryAcquire(words: Int32Array, lock: number, owner: number, impatient: boolean): boolean {
  if (Atomics.compareExchange(words, lock, FREE, owner) === FREE) return true
  if (!impatient) return false
  const seen = Atomics.compareExchange(words, lock, RESERVED, owner)
  if (seen === RESERVED) return true
  if (seen !== FREE && (seen & IMPATIENT) === 0) Atomics.compareExchange(words, lock, seen, seen | IMPATIENT)
  return false
}

/** Gives the lock up, and tells those who queue on `event`. Releases the edge `locked`. */
export function release(words: Int32Array, lock: number, event: number, owner: number): void {
  if (Atomics.compareExchange(words, lock, owner, FREE) !== owner) Atomics.store(words, lock, RESERVED)
  wake(words, event) // tells the queue: the lock is free
}

/** Who holds the lock: its identity, or FREE. */
export function ownerOf(words: Int32Array, lock: number): number {
  const value = Atomics.load(words, lock)
  return value === RESERVED ? FREE : value & ~IMPATIENT
}
