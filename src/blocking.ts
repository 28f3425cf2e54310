import { Deadline } from './deadline.ts'
import { helpEnd } from './ending.ts'
import { cannotBlock, deadlocked, withProgress } from './errors.ts'
import { betweenLooks, LOOK_MS, lookIsDue } from './liveness.ts'
import type { Operation } from './operation.ts'
import { hasChanged, noteParked, spinBeforeParking } from './spinning.ts'
import { countPark, countWait } from './stats.ts'
import { CAN_BLOCK, CAN_SPIN, park, SHORT_SPINS } from './waiting.ts'
import type { WriteOperation } from './write-operation.ts'

/** The driver of the blocking calls: spins, then parks with Atomics.wait. */

/** Short waits in a row before the clock is read after all. */
const MAX_SHORT_WAITS = 64

/** Runs an operation on `bytes` from its beginning to its end, blocking the thread. What needs no wait to speak of goes through here only. */
export function callBlocking(operation: Operation, bytes: Uint8Array, timeoutMs: number | undefined): void {
  operation.makeReady()
  try {
    if (!operation.start(bytes)) waitShort(operation, timeoutMs)
  } catch (error) {
    throw operation.abandon(error)
  }
}

/** Runs a write in place from its beginning up to where its bytes are lent, blocking the thread. */
export function callLending(operation: WriteOperation, size: number, timeoutMs: number | undefined): void {
  operation.makeReady()
  try {
    if (!operation.startLending(size)) waitShort(operation, timeoutMs)
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
  if (timeoutMs !== 0) {
    for (let i = 0; i < MAX_SHORT_WAITS && hasChanged(operation, SHORT_SPINS); i += 1) if (operation.step()) return
  }
  new LongWait(operation, timeoutMs).run()
}

/** A wait that is worth reading a clock for. */
class LongWait {
  readonly #operation: Operation
  readonly #timeoutMs: number | undefined
  readonly #startedMs = performance.now()
  readonly #deadline: Deadline
  /** Up to when it has been counted: whoever looks at the figures of one that is under way sees most of it. */
  #countedMs = this.#startedMs
  #mustLook = false

  constructor(operation: Operation, timeoutMs: number | undefined) {
    this.#operation = operation
    this.#timeoutMs = timeoutMs
    this.#deadline = new Deadline(operation, timeoutMs, this.#startedMs)
    // Calls that need no wait work everywhere. One that does leaves as if its time were over: nothing is lost, and a match that it is in completes.
    if (!CAN_BLOCK && timeoutMs !== 0) this.#deadline.bringForward(() => cannotBlock(operation.half))
  }

  run(): void {
    try {
      this.#untilFinished()
    } finally {
      this.#count()
    }
  }

  #untilFinished(): void {
    const operation = this.#operation
    const deadline = this.#deadline
    const spins = CAN_SPIN && this.#timeoutMs !== 0
    let woken = true
    for (;;) {
      const changed = spins && woken && !operation.queued && spinBeforeParking(operation, deadline.leftMs())
      const count = changed ? 0 : operation.prepareToPark()
      if (operation.step()) return
      const late = deadline.passed()
      const nowMs = performance.now()
      if (nowMs - this.#countedMs >= LOOK_MS) this.#count()
      if (this.#mustLook || ((late || nowMs - this.#startedMs >= LOOK_MS) && lookIsDue(operation.memory))) {
        this.#mustLook = false
        // With a time-out, this thread itself may yet come to the help of the other side.
        if (operation.lookAfterPeers(this.#timeoutMs === undefined)) return
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
      if (!CAN_BLOCK) continue // looks on until its match is over, which takes microseconds
      if (woken) {
        helpEnd(operation.memory)
        countPark(operation.memory, operation.half)
      }
      const parkedMs = performance.now()
      woken = this.#sleep(count, parkedMs, parkedMs + Math.min(deadline.leftMs(), operation.parkMs))
      if (woken && !operation.queued) noteParked(operation, parkedMs, performance.now())
      if (operation.step()) return
    }
  }

  /**
   * Parks until the other side, a closer or the lock's owner has something for us to look at, somebody may have died, or the time is over.
   *
   * @returns whether it was woken
   */
  #sleep(count: number, nowMs: number, untilMs: number): boolean {
    const { memory, event, watch, seen } = this.#operation
    for (let atMs = nowMs; ; atMs = this.#countedMs) {
      const lookMs = Math.max(memory.lookedMs, this.#startedMs) + betweenLooks(atMs - this.#startedMs)
      if (park(memory.words, event, count, Math.min(untilMs, Math.max(lookMs, atMs + 1)) - atMs)) return true
      this.#count()
      if (this.#countedMs >= untilMs || Atomics.load(memory.words, watch) !== seen) return false
      this.#mustLook = lookIsDue(memory)
      if (this.#mustLook) return false
    }
  }

  #count(): void {
    this.#countedMs = countWait(this.#operation.memory, this.#operation.half, this.#countedMs)
  }
}
