import { endingFor, endingUnexplained } from './ending.ts'
import { corrupt, detachedMeanwhile, exitedThere, type Half, withProgress } from './errors.ts'
import {
  AWAITED,
  ENDED,
  FREE,
  HANDOFF,
  READ,
  READ_LOCK,
  READER_EVENT,
  READS,
  threadOf,
  WATCHED,
  WRITE_LOCK,
  WRITER_EVENT,
  WRITES,
  WRITTEN,
} from './layout.ts'
import { lookAfter } from './liveness.ts'
import { ownerOf, Place, type Turn } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { MAX_SPINS } from './spinning.ts'
import { Views } from './views.ts'
import { prepareToPark } from './waiting.ts'

/**
 * One read or write as a state machine that never waits. A `step` goes as far as it can: it gives FINISHED, throws what the caller
 * shall see, or gives BLOCKED and says what it waits for. The drivers (`blocking`, `awaiting`) do the waiting and step again.
 *
 *     QUEUED ──lock──▶ ENTERED ──offer, match──▶ MOVING ──▶ finished, lock given up
 *        │                │                        │
 *        └────────────────┴───────ENDED────────────┴─────▶ ENDING ──▶ end of file or error, lock given up
 */

export const FINISHED = true
export const BLOCKED = false

/** How long an operation waits for the text of an error that it knows to have come, in ms. Writing one takes microseconds. */
const EXPLANATION_MS = 1000

/** Tries to leave a match that the other side is amid: far more than it needs beside one that takes single bytes. */
const MAX_TRIES = 10_000

export const QUEUED = 0
export const ENTERED = 1
export const MOVING = 2
export const ENDING = 3
/** In place: the caller has the ring's bytes in `lent`. */
export const LENDING = 4
/** Over: nothing is touched any more. */
const GONE = 5
type Phase = typeof QUEUED | typeof ENTERED | typeof MOVING | typeof ENDING | typeof LENDING | typeof GONE

export const NOTHING: Uint8Array = new Uint8Array(0)

const SIDES = {
  writer: { lock: WRITE_LOCK, slot: WRITER_EVENT, bytes: WRITTEN, calls: WRITES },
  reader: { lock: READ_LOCK, slot: READER_EVENT, bytes: READ, calls: READS },
} as const

export abstract class Operation {
  readonly memory: PipeMemory
  readonly half: Half

  /** What BLOCKED waits for: the word to watch, the value it had, the event to park on, and how long at most. */
  watch: number = HANDOFF
  seen = 0
  event: number
  parkMs = Infinity
  /** How often the next wait looks before it parks, by how the waits of this half went before. */
  spins = MAX_SPINS
  /** How long a short call in a rendezvous pipe rests before it looks for the other side: see `lookInTime`. */
  rest = 0

  /** Bytes that have gone over: what the caller is told. */
  moved = 0
  /** A read's: the end of file was reached. */
  ended = false
  /** What the caller has given as its time-out, where the driver is given less. */
  timeoutMs: number | undefined
  /** In place: the bytes that the caller may look at, or fill. */
  lent: Uint8Array = NOTHING

  protected readonly words: Int32Array
  protected readonly owner: number
  protected phase: Phase = QUEUED
  protected bytes: Uint8Array = NOTHING
  /** The length of `bytes` when the operation began: an awaited one may find them detached since. */
  protected length = 0
  readonly #place: Place
  readonly #lock: number
  readonly #slot: number
  readonly #bytesCounter: number
  readonly #callsCounter: number
  #plannedEvent = 0
  #plannedQuiet = false
  /** What has been lent before. Not what is copied through: a callback may do what it likes with its view. */
  #lendable: Views | undefined
  #announced = 0
  #endedAt = 0

  constructor(memory: PipeMemory, half: Half, owner: number, turn: Turn) {
    const side = SIDES[half]
    this.memory = memory
    this.words = memory.words
    this.half = half
    this.owner = owner
    this.#place = new Place(memory.words, side.lock, owner, turn)
    this.#lock = side.lock
    this.#slot = side.slot
    this.#bytesCounter = side.bytes
    this.#callsCounter = side.calls
    this.event = side.slot
  }

  /** Leaves a call that was stopped in the middle. If the stack ends before the next one has begun, that has moved nothing. */
  makeReady(): void {
    if (this.#place.holds) this.recover()
    this.moved = 0
  }

  /** Makes this the operation on `bytes`; steps do the rest. */
  begin(bytes: Uint8Array): void {
    this.makeReady()
    this.bytes = bytes
    this.length = bytes.length
    this.phase = QUEUED
    this.ended = false
    this.lent = NOTHING
    this.timeoutMs = undefined
    this.#endedAt = 0
  }

  /** Begins, and goes as far as it can without waiting. @returns FINISHED or BLOCKED @throws what the caller shall see */
  start(bytes: Uint8Array): boolean {
    this.begin(bytes)
    return this.length > 0 && this.enterAtOnce() ? this.meet() : this.step()
  }

  /** Goes as far as it can without waiting. @returns FINISHED or BLOCKED @throws what the caller shall see */
  step(): boolean {
    if (this.phase === QUEUED) this.#enter()
    switch (this.phase) {
      case QUEUED:
        return BLOCKED
      case ENTERED:
        return this.meet()
      case MOVING:
        return this.move()
      case ENDING:
        return this.end()
      case LENDING:
      case GONE:
        return FINISHED
    }
  }

  /**
   * Looks whether a thread that it waits for has died; then what it waits for has changed.
   *
   * @param forGood whether its own thread does nothing else before it is over
   * @returns FINISHED if it is over with that
   */
  lookAfterPeers(forGood: boolean): boolean {
    // Its own thread can be the other side as well, but not while it is blocked; unless what it waits for comes from others anyway.
    const helpless = forGood && (this.queued ? this.queuedNeedsPeer() : this.needsPeer())
    const exceptThread = helpless ? threadOf(this.owner) : 0
    const orphaned = lookAfter(this.memory, this.half, this.queued, exceptThread)
    if (this.step()) return FINISHED
    // The match that it is in stays as the dead thread has left it.
    if (!orphaned || this.phase !== MOVING) return BLOCKED
    if (this.cut(true)) throw withProgress(this.#orphanedBy(), this.half, this.moved)
    return this.step()
  }

  /** What ended a match whose other side is dead: an end that came before the death counts, but is never an end of file amid it. */
  #orphanedBy(): Error {
    const ending = endingFor(this.memory, this.half)
    return ending instanceof Error ? ending : exitedThere(this.half)
  }

  /** Leaves in whatever way is open, when something unforeseen was thrown. @returns the error, saying how far it came */
  abandon(error: unknown): unknown {
    // The other side may be just giving the match back, or taking more of it: each time another way to leave is open.
    let bound = true
    for (let tries = 0; bound && tries < MAX_TRIES; tries += 1) bound = this.#binds()
    this.leave()
    return error instanceof Error ? withProgress(error, this.half, this.moved) : error
  }

  /** Tries to leave. @returns whether a match still binds it */
  #binds(): boolean {
    return this.phase !== GONE && !this.cancel() && (this.phase as Phase) !== GONE && !this.cut(true)
  }

  /** Leaves a call that was over before it could leave, if there is one: for lack of stack, or since its script was stopped. Else its lock would stay taken. */
  recover(): void {
    if (this.#place.holds) {
      this.forget()
      this.abandon(undefined)
    } else {
      this.#place.leave()
    }
  }

  /** ENTERED → MOVING: goes to meet the other side at the slot. */
  protected abstract meet(): boolean

  /** Moves bytes until all that can go have gone. */
  protected abstract move(): boolean

  /** Leaves, if no match binds it. @returns whether it left; then it touches nothing any more */
  abstract cancel(): boolean

  /**
   * Leaves a match that has stalled, with `moved` bytes; one whose bytes are lent to a callback of the other side only by force.
   *
   * @returns whether it left
   */
  abstract cut(force: boolean): boolean

  /** Grows as the bytes do, also within a match. */
  abstract progress(): number

  /** Whether this blocking operation waits for an await of its own thread, or for the callback that has made the call. */
  deadlocked(): boolean {
    if (this.phase === ENDING) return false
    if (this.queued && this.heldHere(this.#lock)) return true
    return this.peerAwaitsHere() && (this.queued ? this.queuedNeedsPeer() : this.needsPeer())
  }

  /** Whether an operation that has its lock can be helped by the other side only. */
  protected abstract needsPeer(): boolean

  /** Whether one that still queues for its lock can be, once it has it. */
  protected abstract queuedNeedsPeer(): boolean

  /** Whether only a pending await of this same thread can answer: no use in spinning. */
  abstract peerAwaitsHere(): boolean

  /** Whether the other side is there, so that a call that may not wait can expect an answer at once. */
  answerExpected(): boolean {
    return false
  }

  /** Announces that it will sleep on `event`, unless it wants to sleep undisturbed. @returns the count to sleep on */
  prepareToPark(): number {
    this.#plannedEvent = this.event
    this.#plannedQuiet = this.#quiet
    this.#announced = this.announce()
    // Who does not announce itself is disturbed by `wakeAll` only.
    if (this.#plannedQuiet) return Atomics.load(this.words, this.event)
    const count = prepareToPark(this.words, this.event)
    this.askToBeTold()
    return count
  }

  /** Asks the other side to tell it, where that does so only if asked. */
  protected askToBeTold(): void {}

  /** Whether it still waits for what it has prepared to sleep for, after another step. */
  get prepared(): boolean {
    return (
      this.event === this.#plannedEvent && this.#quiet === this.#plannedQuiet && this.announce() === this.#announced
    )
  }

  get #quiet(): boolean {
    return this.phase === QUEUED && this.#place.quiet
  }

  /** Says to the other side what it sleeps for, where that matters. @returns what it has said */
  protected announce(): number {
    return 0
  }

  /** Whether the caller has bytes lent and owes their settlement. */
  get isLending(): boolean {
    return this.phase === LENDING
  }

  /** Whether it waits for its lock: others are served first, so it is better asleep. */
  get queued(): boolean {
    return this.phase === QUEUED
  }

  protected get awaited(): boolean {
    return (this.owner & AWAITED) !== 0
  }

  /**
   * Whether this operation's own thread holds the lock: by a pending await, or by a call in place from whose callback this one was made.
   * Neither goes on while this one blocks.
   */
  protected heldHere(lock: number): boolean {
    return !this.awaited
      ? (ownerOf(this.words, lock) | AWAITED) === (this.owner | AWAITED)
      : ownerOf(this.words, lock) === this.owner
  }

  /** Lends the caller `n` bytes of the ring. */
  protected lend(position: number, n: number): typeof FINISHED {
    const { buffer, window } = this.memory
    if (!this.awaited) this.#lendable ??= new Views(this.memory)
    const kept = this.#lendable?.of(position, n)
    this.lent = isAsMade(kept, n) ? kept : new Uint8Array(buffer, window.byteOffset + position, n)
    this.phase = LENDING
    this.#endedAt = 0
    return FINISHED
  }

  /** QUEUED → ENTERED with the lock, if nobody has it or waits for it: faster than `tryEnter`, which takes turns. */
  protected enterAtOnce(): boolean {
    if (Atomics.compareExchange(this.words, this.#lock, FREE, this.owner) !== FREE) return false // edge: locked
    this.#place.holds = true
    this.phase = ENTERED
    return true
  }

  /** QUEUED → ENTERED with the lock, if that is free. */
  protected tryEnter(): boolean {
    if (!this.#place.tryAcquire()) return false
    this.phase = ENTERED
    return true
  }

  /** QUEUED → ENTERED with the lock, or ENDING; or blocked. */
  #enter(): void {
    if (this.tryEnter()) return
    if (this.endsQueued()) {
      this.#place.leave()
      this.phase = ENDING
    } else if (this.#place.queue()) {
      this.phase = ENTERED
    } else {
      this.block(this.#lock, Atomics.load(this.words, this.#lock), this.#place.event, this.#place.pollMs)
    }
  }

  /** Whether the end is there for an operation that has not got its lock yet. */
  protected endsQueued(): boolean {
    return (Atomics.load(this.words, HANDOFF) & ENDED) !== 0
  }

  /** Notes what has to change before another step makes sense. */
  protected block(watch: number, seen: number, event: number = this.#slot, parkMs = Infinity): typeof BLOCKED {
    this.watch = watch
    this.seen = seen
    this.event = event
    this.parkMs = parkMs
    return BLOCKED
  }

  /** ENDING → out: end of file, or the error. Blocked while the error's text is still being written. */
  protected end(): boolean {
    this.phase = ENDING
    const ending = endingFor(this.memory, this.half)
    if (ending === 'unexplained') {
      if (this.#endedAt === 0) this.#endedAt = performance.now()
      const leftMs = this.#endedAt + EXPLANATION_MS - performance.now()
      if (leftMs > 0) return this.block(HANDOFF, Atomics.load(this.words, HANDOFF), this.#slot, leftMs)
      throw this.failure(endingUnexplained(this.half))
    }
    if (ending !== null) throw this.failure(ending)
    this.ended = true
    this.leave()
    return FINISHED
  }

  /** Ends the operation. @returns the error, saying how far it came (C18) */
  failure(error: Error): Error {
    this.leave()
    return withProgress(error, this.half, this.moved)
  }

  /** For words that no correct thread can have written. */
  protected corrupt(what: string, value: number): Error {
    return this.failure(corrupt(what, value))
  }

  protected detached(): Error {
    return this.failure(detachedMeanwhile(this.half, this.length, this.bytes.length))
  }

  /** Counts a finished call, and leaves. */
  protected finish(): typeof FINISHED {
    const counter = this.#callsCounter
    this.memory.floats[counter] = (this.memory.floats[counter] as number) + 1
    this.phase = ENDING
    this.leave()
    return FINISHED
  }

  /** Counts the bytes, lets go of the caller's memory (C5) and gives the lock up. */
  protected leave(): void {
    this.forget()
    if (!this.#place.holds) {
      this.phase = GONE
      this.#place.leave()
      return
    }
    const { floats } = this.memory
    const counter = this.#bytesCounter
    // Here, not in calls: one that the stack has no room for must not leave the lock taken, nor bytes counted twice.
    if (this.phase !== GONE) floats[counter] = (floats[counter] as number) + this.moved
    this.phase = GONE
    const isFree = Atomics.compareExchange(this.words, this.#lock, this.owner, FREE) === this.owner // edge: locked
    if (!isFree) Atomics.store(this.words, this.#lock, WATCHED) // edge: locked
    this.#place.holds = false
    if (!isFree) this.#tellOthers()
  }

  /** As `finish`, of a call that has `moved` all its bytes and nothing to let go of but the lock. */
  protected finishAtOnce(): typeof FINISHED {
    const { floats } = this.memory
    const [bytes, calls] = [this.#bytesCounter, this.#callsCounter]
    floats[bytes] = (floats[bytes] as number) + this.moved
    floats[calls] = (floats[calls] as number) + 1
    this.phase = GONE
    const isFree = Atomics.compareExchange(this.words, this.#lock, this.owner, FREE) === this.owner // edge: locked
    if (!isFree) Atomics.store(this.words, this.#lock, WATCHED) // edge: locked
    this.#place.holds = false
    if (!isFree) this.#tellOthers()
    return FINISHED
  }

  /** Tells those who wait for the lock, or asked to be told, that it has been given up. */
  #tellOthers(): void {
    // One that came into the lock, and had no stack left to give up its place, is still in the queue.
    this.#place.leave()
    this.#place.passOn()
    this.tellPeer()
  }

  /** Lets go of the caller's memory. */
  protected forget(): void {
    this.bytes = NOTHING
    this.lent = NOTHING
  }

  /** Tells the other side what this operation has done, if that was put off until it gives its lock up. */
  protected tellPeer(): void {}
}

/** Whether a view has not been made something else by a callback that has had it. */
function isAsMade(view: Uint8Array | undefined, length: number): view is Uint8Array {
  return view !== undefined && view.length === length && Object.getPrototypeOf(view) === Uint8Array.prototype
}
