import { platform } from '#platform'
import { Deadline } from './deadline.ts'
import { helpEnd } from './ending.ts'
import { cancelled, timedOut, withProgress } from './errors.ts'
import { lookIsDue } from './liveness.ts'
import type { Operation } from './operation.ts'
import { hasChanged } from './spinning.ts'
import { countPark, countWait } from './stats.ts'
import { currentTurn } from './turns.ts'
import { CAN_SPIN, parkAsync } from './waiting.ts'

/**
 * The driver of the awaited calls. The calls of one half in one thread run in the order they were made, one at a time: the first
 * of the queue is stepped, and sleeps on Atomics.waitAsync. A time-out or a signal may take any of them out of the queue.
 */

/** Looks before sleeping: a wake through the event loop costs 50 µs, a busy peer answers in a fraction of one. */
const SPINS = CAN_SPIN ? 512 : 0
/** Steps in a row before the event loop gets its turn. */
const MAX_STEPS = 1024
/** How long calls that never need to wait may keep the event loop from turning, in ms. */
const MAX_TURN_MS = 5
/** The longest delay that timers take. */
const MAX_TIMER_MS = 0x7fff_ffff

interface Pending {
  readonly operation: Operation
  readonly deadline: Deadline
  /** Up to when its wait has been counted. */
  countedMs: number
  resolve: () => void
  reject: (error: unknown) => void
  /** What it has failed for, if it could not be settled then. */
  failure?: { error: unknown }
  timer?: ReturnType<typeof setTimeout>
  stopListening?: () => void
}

export class AwaitQueue {
  readonly #pending: Pending[] = []
  /** Events that a sleep is under way on, with the count it sleeps on: a sleep cannot be called off, so it is used again. */
  readonly #asleep = new Map<number, number>()
  #patience: ReturnType<typeof setTimeout> | undefined
  readonly #onBeat = (): void => this.#beat()
  /** The call that is being made: stopped in the middle, it is neither over nor awaited by anybody. */
  #made: Operation | undefined
  /** The same while its signal is listened to, which may run anybody's code; and the turn of the event loop in which that began. */
  #listening: Operation | undefined
  #listeningIn = 0

  /** Leaves a call that was stopped as it was made: nobody has its promise. */
  recover(): void {
    const made = this.#made
    this.#made = undefined
    if (made !== undefined) this.#leave(made)
    const listening = this.#listening
    if (listening === undefined || this.#listeningIn === currentTurn()) return
    this.#listening = undefined
    this.#leave(listening)
  }

  #leave(stopped: Operation): void {
    stopped.recover()
    const pending = this.#pending.find(({ operation }) => operation === stopped)
    if (pending !== undefined) this.#drop(pending)
  }

  /** Runs an operation to its end. @returns undefined if that needed no wait, else a promise of it */
  run(operation: Operation, timeoutMs: number | undefined, signal: AbortSignal | undefined): Promise<void> | undefined {
    if (signal?.aborted) throw withProgress(cancelled(operation.half, signal.reason), operation.half, 0)
    const isNext = this.#pending.length === 0
    if (!isNext && timeoutMs === 0) throw withProgress(timedOut(operation.half, 0), operation.half, 0)
    return this.make(operation, timeoutMs, signal, isNext)
  }

  /** Steps a call, if it is next or holds its lock already, and has it pend if that does not finish it. */
  make(
    operation: Operation,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
    isNext = true,
  ): Promise<void> | undefined {
    this.#made = operation
    let promise: Promise<void> | undefined
    try {
      if (!isNext || !operation.step()) promise = this.#enqueue(operation, timeoutMs, signal, isNext)
      else if (turnIsOverdue()) promise = new Promise((resolve) => platform.afterTurn(resolve))
    } catch (error) {
      const said = operation.abandon(error)
      this.#made = undefined
      throw said
    }
    this.#made = undefined
    return promise
  }

  #enqueue(
    operation: Operation,
    timeoutMs: number | undefined,
    signal: AbortSignal | undefined,
    isNext: boolean,
  ): Promise<void> {
    const startedMs = performance.now()
    const deadline = new Deadline(operation, timeoutMs, startedMs)
    const pending = { operation, deadline, countedMs: startedMs } as Pending
    const promise = new Promise<void>((resolve, reject) => {
      pending.resolve = resolve
      pending.reject = reject
    })
    try {
      if (isNext) this.#pending.unshift(pending)
      else this.#pending.push(pending)
      if (this.#pending.length === 1) platform.holdLoop(this.#onBeat)
      if (timeoutMs !== undefined) this.#armTimer(pending)
      if (signal !== undefined) this.#listen(pending, signal)
    } catch (error) {
      this.#drop(pending)
      throw error
    }
    try {
      if (isNext) this.#pump()
    } catch {
      // There was too little stack left for it.
      queueMicrotask(() => this.#pump())
    }
    return promise
  }

  /** Steps the first of the queue until it has to sleep, and so on with the next. */
  #pump(): void {
    clearTimeout(this.#patience)
    for (let steps = 0; steps < MAX_STEPS; steps += 1) {
      const first = this.#pending[0]
      if (first === undefined) return
      let asleep = false
      this.#attempt(first, () => {
        const state = this.#advance(first.operation)
        asleep = state === 'asleep'
        return state === 'finished'
      })
      if (asleep) return
    }
    platform.afterTurn(() => this.#pump())
  }

  /** Runs a part of a call, and settles the call where that finishes it or fails. @returns whether it is settled */
  #attempt(pending: Pending, part: () => boolean): boolean {
    try {
      if (pending.failure !== undefined) throw pending.failure.error
      if (!part()) return false
      this.#settle(pending, () => pending.resolve())
    } catch (error) {
      pending.failure ??= { error }
      this.#settle(pending, () => pending.reject(pending.operation.abandon(error)))
    }
    return true
  }

  /** Now and then while a call is pending: looks after the threads it waits for. */
  #beat(): void {
    const first = this.#pending[0]
    if (first === undefined) return
    first.countedMs = countWait(first.operation.memory, first.operation.half, first.countedMs)
    const settled =
      lookIsDue(first.operation.memory) && this.#attempt(first, () => first.operation.lookAfterPeers(false))
    // Or who has told it died over that, or another wait has swallowed the wake.
    if (settled || !first.operation.prepared || hasChanged(first.operation, 1)) this.#pump()
  }

  #advance(operation: Operation): 'finished' | 'asleep' | 'again' {
    if (operation.step()) return 'finished'
    if (!operation.peerAwaitsHere() && hasChanged(operation, SPINS)) return 'again'
    helpEnd(operation.memory)
    const count = operation.prepareToPark()
    if (operation.step()) return 'finished'
    if (!operation.prepared) return 'again'
    return this.#sleep(operation, count) ? 'asleep' : 'again'
  }

  /** Sleeps until the event is woken, then steps. @returns false if it has been woken already */
  #sleep(operation: Operation, count: number): boolean {
    const { event } = operation
    if (this.#asleep.get(event) !== count) {
      const woken = parkAsync(operation.memory.words, event, count)
      if (woken === undefined) return false
      this.#asleep.set(event, count)
      countPark(operation.memory, operation.half)
      woken.then(() => {
        if (this.#asleep.get(event) === count) this.#asleep.delete(event)
        this.#pump()
      })
    }
    if (operation.parkMs !== Infinity) this.#patience = setTimeout(() => this.#pump(), operation.parkMs)
    return true
  }

  #armTimer(pending: Pending): void {
    clearTimeout(pending.timer)
    pending.timer = setTimeout(() => this.#atDeadline(pending), Math.min(pending.deadline.leftMs(), MAX_TIMER_MS))
  }

  #listen(pending: Pending, signal: AbortSignal): void {
    const onAbort = (): void => {
      if (!this.#pending.includes(pending)) return
      pending.deadline.bringForward(() => cancelled(pending.operation.half, signal.reason))
      this.#atDeadline(pending)
    }
    pending.stopListening = () => signal.removeEventListener('abort', onAbort)
    // It may be anybody's, and make calls of its own, which do not leave this one.
    const outer = this.#listening
    this.#listeningIn = currentTurn()
    this.#listening = pending.operation
    this.#made = undefined
    try {
      // Between the two parts of a call in place it may have fired already.
      if (signal.aborted) queueMicrotask(onAbort)
      else signal.addEventListener('abort', onAbort, { once: true })
    } finally {
      this.#made = pending.operation
      this.#listening = outer
    }
  }

  #atDeadline(pending: Pending): void {
    if (pending === this.#pending[0]) this.#pump()
    if (!this.#pending.includes(pending)) return
    const { deadline, operation } = pending
    const settled = this.#attempt(pending, () => {
      if (!deadline.passed()) return false
      // Only the first of the queue: a look steps, and those behind it have no turn yet.
      const looks = pending === this.#pending[0] && lookIsDue(operation.memory)
      if (looks && operation.lookAfterPeers(false)) return true
      if (deadline.leave()) throw deadline.error()
      return false
    })
    if (settled) {
      this.#pump()
      return
    }
    if (pending === this.#pending[0]) this.#pump()
    if (this.#pending.includes(pending)) this.#armTimer(pending)
  }

  #settle(pending: Pending, settle: () => void): void {
    settle()
    countWait(pending.operation.memory, pending.operation.half, pending.countedMs)
    this.#drop(pending)
  }

  #drop(pending: Pending): void {
    clearTimeout(pending.timer)
    const index = this.#pending.indexOf(pending)
    if (index !== -1) this.#pending.splice(index, 1)
    if (this.#pending.length === 0) platform.releaseLoop(this.#onBeat)
    pending.stopListening?.()
  }
}

let turn: number | undefined
let turnStartedMs = 0

/** Whether awaited calls that found no need to wait have kept the event loop from turning for too long. */
function turnIsOverdue(): boolean {
  if (turn === currentTurn()) return performance.now() - turnStartedMs > MAX_TURN_MS
  turn = currentTurn()
  turnStartedMs = performance.now()
  return false
}
