import { platform } from '#platform'
import { ENDED, HANDOFF, PARKED_OFFSET, STATE } from './layout.ts'

/**
 * How a thread waits for a word to change: it spins, and when that fails it parks on an *event*.
 *
 * An event is a count that grows with every wake, and a flag that says somebody may sleep, so that nobody is ever notified
 * in vain. The sleeper announces itself, looks once more, and only then sleeps, on the count it saw before it looked:
 *
 *     sleeper: e = COUNT; PARKED = 1; look again; wait while COUNT is e
 *     waker:   change what the sleeper looks at; if PARKED: PARKED = 0; COUNT += 1; notify all
 *
 * All of these are sequentially consistent. Either the waker sees PARKED, or the sleeper's second look sees the change. A count
 * only grows, so a wake between the look and the wait is never missed, and a sleeper that has died or lost interest
 * swallows nothing: everybody is told.
 */

/** Whether there is a core for the other side while this thread spins. */
export const CAN_SPIN = /* @__PURE__ */ maySpin()
/** A wait that ends within so many looks, about a microsecond, is not worth reading a clock for. */
export const SHORT_SPINS = CAN_SPIN ? 128 : 0

/** How much longer a rest becomes after a look that came too soon, and how long at most, in turns of an empty loop. */
const MORE_REST = 4
const MAX_REST = 400

/**
 * Whether this thread may block. The main thread of a web page may not: there Atomics.wait throws, before it looks at what it is called with. This
 * one would not wait.
 */
export const CAN_BLOCK = /* @__PURE__ */ mayBlock()

function maySpin(): boolean {
  return platform.parallelism > 1
}

function mayBlock(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)), 0, 1, 0)
    return true
  } catch {
    return false
  }
}

/** Who rests before its first look: so long, in turns of an empty loop. */
export interface Rested {
  rest: number
}

/**
 * Rests, for 0.2 µs at most once it is compiled, and then looks until the slot is in another state, for about a microsecond. A look that comes a little too soon costs more
 * than the time until the next: where both sides look just in time, a send of a few bytes takes a quarter less. When the answer comes depends on the machine, on the bytes,
 * and on what is done between two calls; so that is found out: the rest grows while first looks come too soon, and shrinks slowly while they do not.
 *
 * @returns the word of the slot
 */
export function lookInTime(words: Int32Array, state: number, by: Rested): number {
  const { rest } = by
  for (let i = 0; i < rest; i += 1);
  for (let looks = 0; ; looks += 1) {
    const handoff = Atomics.load(words, HANDOFF)
    if ((handoff & (STATE | ENDED)) !== state)
      by.rest = looks > 0 ? Math.min(rest + MORE_REST, MAX_REST) : Math.max(rest - 1, 0)
    else if (looks < SHORT_SPINS) continue
    return handoff
  }
}

/** Announces a sleeper. @returns the count to sleep on; look again before you do */
export function prepareToPark(words: Int32Array, event: number): number {
  const count = Atomics.load(words, event)
  Atomics.store(words, event + PARKED_OFFSET, 1)
  return count
}

/** Sleeps until the event is woken, or for `timeoutMs`. Blocks the thread. @returns whether it was woken */
export function park(words: Int32Array, event: number, count: number, timeoutMs: number): boolean {
  return Atomics.wait(words, event, count, timeoutMs) !== 'timed-out'
}

/** @returns a promise of the wake, or undefined if it has come already. Holds no event loop alive. */
export function parkAsync(words: Int32Array, event: number, count: number): Promise<unknown> | undefined {
  const sleep = Atomics.waitAsync(words, event, count)
  return sleep.async ? sleep.value : undefined
}

/** Tells everybody asleep on the event to look again. Costs one load when nobody is. */
export function wake(words: Int32Array, event: number): void {
  if (Atomics.load(words, event + PARKED_OFFSET) !== 0) wakeAll(words, event)
}

/** Tells everybody asleep on the event, also those who have not announced it. */
export function wakeAll(words: Int32Array, event: number): void {
  Atomics.store(words, event + PARKED_OFFSET, 0)
  Atomics.add(words, event, 1)
  Atomics.notify(words, event)
}
