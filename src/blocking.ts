import { platform } from '#platform'
import { Deadline } from './deadline.ts'
import { helpEnd } from './ending.ts'
import { deadlocked, withProgress } from './errors.ts'
import { LOOK_MS, lookIsDue } from './liveness.ts'
import type { Operation } from './operation.ts'
import { countPark, countWait } from './stats.ts'
import { park, spin } from './waiting.ts'

/** The driver of the blocking calls: spins, then parks with Atomics.wait. */

/** A wait that ends within so many looks, well under a microsecond, is not worth reading a clock for. */
const SHORT_SPINS = 128
/** The longest spin: about what a park costs, so that a wait never costs more than twice the best choice. */
const MAX_SPINS = 8192
/**
 * One wait in so many spins for longer than a sleeper needs to wake: if the other side does nothing but wait for us in turn, that brings
 * both out of sleeping at every hand-over, which short spins never would.
 */
const PROBE_EVERY = 16
const PROBE_SPINS = 32768
/** Short waits in a row before the clock is read after all. */
const MAX_SHORT_WAITS = 64

const canSpin = platform.parallelism > 1

/** How long this thread spins: grows while spinning pays, shrinks while it does not. */
let spins = MAX_SPINS
let waits = 0

/** Runs an operation to its end, blocking the thread. What needs no wait goes through here only. */
export function runBlocking(operation: Operation, timeoutMs: number | undefined): void {
  try {
    if (!operation.step()) waitShort(operation, timeoutMs)
  } catch (error) {
    throw operation.abandon(error)
  }
}

function waitShort(operation: Operation, timeoutMs: number | undefined): void {
  if (canSpin && timeoutMs !== 0) {
    const { words } = operation.memory
    for (let i = 0; i < MAX_SHORT_WAITS && spin(words, operation.watch, operation.seen, SHORT_SPINS); i += 1) {
      if (operation.step()) return
    }
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
    const changed = canSpin && woken && timeoutMs !== 0 && !operation.queued && spinAdaptively(operation)
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

/** @returns whether what the operation waits for has changed */
function spinAdaptively(operation: Operation): boolean {
  waits += 1
  const limit = waits % PROBE_EVERY === 0 ? PROBE_SPINS : spins
  const changed = spin(operation.memory.words, operation.watch, operation.seen, limit)
  spins = changed ? Math.min(spins * 2, MAX_SPINS) : Math.max(spins >> 1, SHORT_SPINS)
  return changed
}
