import { Deadline } from './deadline.ts'
import { helpEnd } from './ending.ts'
import { deadlocked, withProgress } from './errors.ts'
import { LOOK_MS, lookIsDue } from './liveness.ts'
import type { Operation } from './operation.ts'
import { countPark, countWait } from './stats.ts'
import { CAN_SPIN, hasWoken, park, SHORT_SPINS, spin } from './waiting.ts'

/** The driver of the blocking calls: spins, then parks with Atomics.wait. */

/** The longest spin: about what a park costs, so that a wait never costs more than twice the best choice. */
const MAX_SPINS = 8192
/** One wait in so many spins for long, however often that has failed before: times change. */
const PROBE_EVERY = 16
/** Short waits in a row before the clock is read after all. */
const MAX_SHORT_WAITS = 64

/** How long the waits of one kind spin in this thread: longer while that pays, shorter while it does not. */
class Spinning {
  #limit = MAX_SPINS
  #waits = 0

  /** @returns whether what the operation waits for has changed */
  tryFor(operation: Operation): boolean {
    this.#waits += 1
    const changed = hasChanged(operation, this.#waits % PROBE_EVERY === 0 ? MAX_SPINS : this.#limit)
    this.#limit = changed ? Math.min(this.#limit * 4, MAX_SPINS) : Math.max(this.#limit >> 1, SHORT_SPINS)
    return changed
  }
}

/**
 * After this thread has woken a sleeper: that one answers as soon as it is awake, whatever it took to answer before. Who parks in the meantime
 * has to be woken in turn, and so on: then both sleep at every hand-over.
 */
const afterWake = new Spinning()
const otherwise = new Spinning()

/** Runs an operation on `bytes` from its beginning to its end, blocking the thread. What needs no wait to speak of goes through here only. */
export function callBlocking(operation: Operation, bytes: Uint8Array, timeoutMs: number | undefined): void {
  try {
    if (!operation.start(bytes)) waitShort(operation, timeoutMs)
  } catch (error) {
    throw operation.abandon(error)
  }
}

/** Runs an operation that has begun to its end, blocking the thread. */
export function runBlocking(operation: Operation, timeoutMs: number | undefined): void {
  try {
    if (!operation.step()) waitShort(operation, timeoutMs)
  } catch (error) {
    throw operation.abandon(error)
  }
}

function waitShort(operation: Operation, timeoutMs: number | undefined): void {
  if (CAN_SPIN && timeoutMs !== 0) {
    for (let i = 0; i < MAX_SHORT_WAITS && hasChanged(operation, SHORT_SPINS); i += 1) if (operation.step()) return
  }
  const startedMs = performance.now()
  try {
    waitLong(operation, timeoutMs, startedMs)
  } finally {
    countWait(operation.memory, operation.half, startedMs)
  }
}

function waitLong(operation: Operation, timeoutMs: number | undefined, startedMs: number): void {
  const { words } = operation.memory
  const deadline = new Deadline(operation, timeoutMs, startedMs)
  let woken = true
  for (;;) {
    const changed =
      CAN_SPIN &&
      woken &&
      timeoutMs !== 0 &&
      !operation.queued &&
      (hasWoken() ? afterWake : otherwise).tryFor(operation)
    const count = changed ? 0 : operation.prepareToPark()
    if (operation.step()) return
    const late = deadline.passed()
    if ((late || performance.now() - startedMs >= LOOK_MS) && lookIsDue(operation.memory)) {
      // With a time-out, this thread itself may yet come to the help of the other side.
      if (operation.lookAfterPeers(timeoutMs === undefined)) return
    }
    if (late) {
      if (deadline.leave()) throw deadline.error()
      continue
    }
    if (changed || !operation.prepared) continue
    if (operation.deadlocked()) {
      if (operation.cancel()) throw withProgress(deadlocked(operation.half), operation.half, operation.moved)
      if (operation.step()) return
    }
    if (woken) {
      helpEnd(operation.memory)
      countPark(operation.memory, operation.half)
    }
    // until the other side, a closer or the lock's owner has something for us to look at, or it is time to look after them
    woken = park(words, operation.event, count, Math.min(deadline.leftMs(), operation.parkMs, LOOK_MS))
    if (operation.step()) return
  }
}

/** Spins. @returns whether what the operation waits for has changed */
function hasChanged({ memory, watch, seen }: Operation, limit: number): boolean {
  return spin(memory.words, watch, seen, limit) !== seen
}
