import {
  FREE,
  MAX_QUEUED,
  NEXT_OFFSET,
  placeOfReserved,
  queueEvent,
  ROTATION_OFFSET,
  reservedFor,
  WAITERS_OFFSET,
  WATCHED,
} from './layout.ts'
import { wake, wakeAll } from './waiting.ts'

/**
 * A lock between threads. To hand it to a sleeper at each release would cost 50 µs a time, so whoever runs may take it while it is FREE, the
 * last owner again too. But while others wait, a thread does so for one turn only; then it leaves the lock reserved for the next waiter.
 *
 *     FREE ──anyone──▶ owner ──release──▶ FREE       where nobody waits; else all of these are WATCHED:
 *                        └──release, turn over──▶ reserved for place p ──the waiter at p──▶ owner
 *                                                                     ──anyone, after STEAL_MS──▶ owner
 *
 * A waiter takes a place: a bit in WAITERS and an event to sleep on. Places are served in rotation, so each is reached in turn. Releases tell the
 * next place only: nobody else is woken in vain. A lock that is not WATCHED is taken and given up by one compareExchange each. A waiter that dies, or whose event loop is busy, holds nobody up for long: every waiter looks
 * by itself, after POLL_MS and more, and takes what was reserved for somebody who does not come.
 */

/**
 * How long a thread may go on taking the lock while others wait, in ms: short beside what a person notices; long beside a wake, and enough for the system to give a
 * thread that was woken on a busy core another one. With 1 ms some threads had their turns beside the peer they wait for, and got less than half of an even share.
 */
const TURN_MS = 3
/** How long the lock stays reserved for a waiter that does not come, in ms. */
const STEAL_MS = 5
/** How long a waiter sleeps at first before it looks by itself, in ms; twice as long each time, while nothing changes. */
export const POLL_MS = 25
const MAX_POLL_MS = 250
/** How long a waiter that was woken in vain sleeps undisturbed: the lock's owner is quicker than a wake, and a wake costs it its core. */
const QUIET_MS = TURN_MS

/** Tries to change a word that others change, too: far more than can fail where each is a step of some other thread's call. */
const MAX_TRIES = 64
const NO_PLACE = -1
/** A bit for each of the MAX_QUEUED places. */
const ALL_PLACES = 0x7fff_ffff

/** What one half in one thread knows of its lock: which rotation it has a turn in, and since when others wait. */
export class Turn {
  rotation: number | undefined
  sinceMs = 0
  /** A reservation of the lock for somebody else, and when it was first seen: it outlives calls that may not wait. */
  reserved = FREE
  reservedIn = 0
  reservedSinceMs = 0
}

/** What one operation knows while it queues for a lock. */
export class Place {
  readonly #words: Int32Array
  readonly #lock: number
  readonly #owner: number
  readonly #turn: Turn
  #index = NO_PLACE

  /** Whether the operation has the lock: noted in the same breath as it is taken, for what follows may have no stack left. */
  holds = false
  /** How long to sleep at most before the next try, in ms. */
  pollMs = POLL_MS
  /** Whether to sleep without a word, so that only a reservation, an end or the time wakes it. */
  quiet = false
  #wakes = 0
  #quietUntilMs = 0
  #rotation: number | undefined
  #sameSinceMs = 0

  constructor(words: Int32Array, lock: number, owner: number, turn: Turn) {
    this.#words = words
    this.#lock = lock
    this.#owner = owner
    this.#turn = turn
  }

  /** What to sleep on while queueing. */
  get event(): number {
    return queueEvent(this.#lock, this.#index === NO_PLACE ? MAX_QUEUED : this.#index)
  }

  /** Takes the lock if it may. Acquires the edge `locked`. */
  tryAcquire(): boolean {
    const listed = this.#index !== NO_PLACE
    const watched = this.#owner | WATCHED
    const seen = Atomics.compareExchange(this.#words, this.#lock, FREE, listed ? watched : this.#owner)
    if (seen !== FREE) {
      if (seen !== WATCHED && !(listed && seen === reservedFor(this.#index))) return false
      if (Atomics.compareExchange(this.#words, this.#lock, seen, watched) !== seen) return false
    }
    this.holds = true
    if (listed) this.#served()
    return true
  }

  /** Queues for the lock after `tryAcquire` failed; takes over a reservation that nobody comes for. @returns whether it has the lock */
  queue(): boolean {
    const words = this.#words
    const lock = this.#lock
    const turn = this.#turn
    if (this.#index === NO_PLACE || !this.#isListed()) {
      this.#index = enlist(words, lock)
      this.#wakes = Atomics.load(words, this.event)
      this.#quietUntilMs = 0
      this.#rotation = undefined
    }
    let seen = watch(words, lock)
    for (let tries = 0; isFree(seen) && tries < MAX_TRIES; tries += 1) {
      if (this.tryAcquire()) return true
      seen = watch(words, lock)
    }
    const nowMs = performance.now()
    if (seen >= FREE) {
      turn.reserved = FREE
      this.#plan(nowMs)
      return false
    }
    this.quiet = false
    const rotation = Atomics.load(words, lock + ROTATION_OFFSET)
    if (seen !== turn.reserved || rotation !== turn.reservedIn) {
      turn.reserved = seen
      turn.reservedIn = rotation
      turn.reservedSinceMs = nowMs
    }
    this.pollMs = turn.reservedSinceMs + STEAL_MS - nowMs
    if (this.pollMs > 0 || Atomics.compareExchange(words, lock, seen, this.#owner | WATCHED) !== seen) return false
    this.holds = true
    const place = placeOfReserved(seen)
    // A word that is scribbled over names places that there are not.
    if (place < MAX_QUEUED) strike(words, lock, place)
    if (this.#index !== NO_PLACE) this.#served()
    return true
  }

  /** Leaves the queue without the lock, and passes on what was meant for it. */
  leave(): void {
    if (this.#index === NO_PLACE) return
    const reserved = reservedFor(this.#index)
    strike(this.#words, this.#lock, this.#index)
    this.#index = NO_PLACE
    Atomics.compareExchange(this.#words, this.#lock, reserved, WATCHED)
    // tells the next waiter what this one may have been told
    wakeAll(this.#words, queueEvent(this.#lock, nextPlace(this.#words, this.#lock)))
  }

  /** Tells the next of the queue that its owner has given the WATCHED lock up; or, if nobody queues, that it is not watched any more. */
  passOn(): void {
    const words = this.#words
    const lock = this.#lock
    if (Atomics.load(words, lock + WAITERS_OFFSET) === 0) {
      // Who has come to queue since then finds the lock free.
      Atomics.compareExchange(words, lock, WATCHED, FREE)
      return
    }
    const next = nextPlace(words, lock)
    if (this.#turnIsOver() && Atomics.compareExchange(words, lock, WATCHED, reservedFor(next)) === WATCHED) {
      wakeAll(words, queueEvent(lock, next)) // tells the next waiter, quiet or not: the lock is yours
    } else {
      wake(words, queueEvent(lock, next)) // tells the next waiter: the lock is free
    }
  }

  #served(): void {
    const words = this.#words
    const lock = this.#lock
    strike(words, lock, this.#index)
    Atomics.store(words, lock + NEXT_OFFSET, this.#index + 1)
    Atomics.add(words, lock + ROTATION_OFFSET, 1)
    this.#index = NO_PLACE
  }

  /** Plans the next sleep: quietly, after a wake that came in vain. */
  #plan(nowMs: number): void {
    const words = this.#words
    const wakes = Atomics.load(words, this.event)
    if (wakes !== this.#wakes && this.#index !== NO_PLACE) this.#quietUntilMs = nowMs + QUIET_MS
    this.#wakes = wakes
    this.quiet = nowMs < this.#quietUntilMs
    const rotation = Atomics.load(words, this.#lock + ROTATION_OFFSET)
    if (rotation !== this.#rotation) {
      this.#rotation = rotation
      this.#sameSinceMs = nowMs
    }
    // As long again as nothing has changed: 25, 50, 100 ms …
    const unchangedMs = nowMs - this.#sameSinceMs
    this.pollMs = this.quiet ? this.#quietUntilMs - nowMs : Math.min(Math.max(POLL_MS, unchangedMs), MAX_POLL_MS)
  }

  #isListed(): boolean {
    return (Atomics.load(this.#words, this.#lock + WAITERS_OFFSET) & (1 << this.#index)) !== 0
  }

  /** Whether this thread has had the lock at its disposal for a turn while the same others waited. */
  #turnIsOver(): boolean {
    const turn = this.#turn
    const rotation = Atomics.load(this.#words, this.#lock + ROTATION_OFFSET)
    const nowMs = performance.now()
    if (turn.rotation !== rotation) {
      turn.rotation = rotation
      turn.sinceMs = nowMs
    }
    return nowMs - turn.sinceMs >= TURN_MS
  }
}

/** Who holds the lock: its identity, or FREE. */
export function ownerOf(words: Int32Array, lock: number): number {
  return Math.max(FREE, Atomics.load(words, lock)) & ~WATCHED
}

/** Asks the owner of a lock, or the next one, to look around when it gives it up: for who is about to sleep until then. @returns the lock's word */
export function watch(words: Int32Array, lock: number): number {
  let seen = Atomics.load(words, lock)
  // Who keeps failing here is up against somebody who takes the lock and gives it up all the time; it looks by itself before long.
  for (let tries = 0; tries < MAX_TRIES && seen >= FREE && (seen & WATCHED) === 0; tries += 1) {
    const now = Atomics.compareExchange(words, lock, seen, seen | WATCHED)
    seen = now === seen ? seen | WATCHED : now
  }
  return seen
}

function isFree(lock: number): boolean {
  return (lock | WATCHED) === WATCHED
}

/** Takes the lock from an owner that is dead, and tells the next of the queue. */
export function freeLock(words: Int32Array, lock: number, owner: number): void {
  const freed = [owner, owner | WATCHED].some((word) => Atomics.compareExchange(words, lock, word, WATCHED) === word)
  if (!freed) return
  wakeAll(words, queueEvent(lock, nextPlace(words, lock))) // tells the next waiter: the lock is free
}

/** Tells all that queue, quiet or not. Who takes a place later looks again after that. */
export function wakeQueue(words: Int32Array, lock: number): void {
  for (let listed = Atomics.load(words, lock + WAITERS_OFFSET) & ALL_PLACES; listed !== 0; listed &= listed - 1) {
    wakeAll(words, queueEvent(lock, 31 - Math.clz32(listed & -listed)))
  }
  wake(words, queueEvent(lock, MAX_QUEUED)) // tells those who found no place
}

/** Takes a place. @returns its index; NO_PLACE if all are taken */
function enlist(words: Int32Array, lock: number): number {
  for (let tries = 0; tries <= MAX_QUEUED; tries += 1) {
    const listed = Atomics.load(words, lock + WAITERS_OFFSET)
    const open = ~listed & ALL_PLACES
    if (open === 0) return NO_PLACE
    const lowest = open & -open
    if (Atomics.compareExchange(words, lock + WAITERS_OFFSET, listed, listed | lowest) === listed) {
      return 31 - Math.clz32(lowest)
    }
  }
  return NO_PLACE
}

function strike(words: Int32Array, lock: number, index: number): void {
  Atomics.and(words, lock + WAITERS_OFFSET, ~(1 << index))
  wake(words, queueEvent(lock, MAX_QUEUED)) // tells those who found no place: there is one
  wake(words, queueEvent(lock, index)) // tells whoever took this place for its own after a reservation was taken over: it is gone
}

/** The first place that is taken, in rotation from the one after that served last; place 0 if none is. */
function nextPlace(words: Int32Array, lock: number): number {
  const listed = Atomics.load(words, lock + WAITERS_OFFSET) & ALL_PLACES
  const later = listed & (-1 << Atomics.load(words, lock + NEXT_OFFSET))
  const candidates = later !== 0 ? later : listed
  return candidates === 0 ? 0 : 31 - Math.clz32(candidates & -candidates)
}
