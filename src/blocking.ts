import { Deadline } from './deadline.ts'
import { helpEnd } from './ending.ts'
import { deadlocked, withProgress } from './errors.ts'
import { LOOK_MS, lookIsDue } from './liveness.ts'
import type { Operation } from './operation.ts'
import { hasChanged, noteParked, spinBeforeParking } from './spinning.ts'
import { countPark, countWait } from './stats.ts'
import { CAN_SPIN, park, SHORT_SPINS } from './waiting.ts'

/** The driver of the blocking calls: spins, then parks with Atomics.wait. */

/** Short waits in a row before the clock is read after all. */
const MAX_SHORT_WAITS = 64

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
  const wait = { countedMs: startedMs }
  try {
    waitLong(operation, timeoutMs, startedMs, wait)
  } finally {
    countWait(operation.memory, operation.half, wait.countedMs)
  }
}

/** @param wait up to when the wait has been counted: whoever looks at the figures of a long one sees most of it */
function waitLong(
  operation: Operation,
  timeoutMs: number | undefined,
  startedMs: number,
  wait: { countedMs: number },
): void {
  const { words } = operation.memory
  const deadline = new Deadline(operation, timeoutMs, startedMs)
  let woken = true
  for (;;) {
    const changed =
      CAN_SPIN && woken && timeoutMs !== 0 && !operation.queued && spinBeforeParking(operation, deadline.leftMs())
    const count = changed ? 0 : operation.prepareToPark()
    if (operation.step()) return
    const late = deadline.passed()
    const nowMs = performance.now()
    if (nowMs - wait.countedMs >= LOOK_MS) {
      wait.countedMs = countWait(operation.memory, operation.half, wait.countedMs)
    }
    if ((late || nowMs - startedMs >= LOOK_MS) && lookIsDue(operation.memory)) {
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
    const parkedMs = performance.now()
    woken = park(words, operation.event, count, Math.min(deadline.leftMs(), operation.parkMs, LOOK_MS))
    if (woken && !operation.queued) noteParked(parkedMs, performance.now())
    if (operation.step()) return
  }
}
