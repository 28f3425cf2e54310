import { endExited, helpEnd, isEnding } from './ending.ts'
import { type Half, PEER } from './errors.ts'
import { allThere, isDead, isDeserted } from './holders.ts'
import { CUT, FREE, HANDOFF, IDLE, LENT, OFFERED, READ_LOCK, STATE, TAKING, threadOf, WRITE_LOCK } from './layout.ts'
import { freeLock, ownerOf } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { BEAT_MS } from './platform/platform.ts'

/**
 * What a thread that has waited for long looks after (C28): whether somebody whose turn it is has died. Any number of threads may look at the same
 * time; each thing found is put right by one atomic step.
 *
 * | the dead thread                     | what becomes of it                                                                      |
 * | ----------------------------------- | --------------------------------------------------------------------------------------- |
 * | held the write lock amid a write    | the writer half has EXITED: nobody can say how that write would have gone on            |
 * | held the read lock amid a match     | the reader half has EXITED: its bytes are lost                                          |
 * | held a lock, and nothing was begun  | the lock is free                                                                        |
 * | had a place in a queue              | the lock does not stay reserved for it: see `lock`                                      |
 * | was the last to hold its half       | that half has EXITED                                                                    |
 * | was ending the pipe                 | `helpEnd` goes on with it                                                               |
 */

const LOCK = { writer: WRITE_LOCK, reader: READ_LOCK } as const

/** How long a wait lasts before it looks after the others, and how often it does, in ms: well within the 250 that C28 gives. */
export const LOOK_MS = BEAT_MS
/** Who blocks for long does so less often, in ms: each look wakes a core. Still within the 250, with time for the wake and for the system to forget a thread. */
const LONG_LOOK_MS = 220
/** What is long, in ms. */
const LONG_MS = 5 * LOOK_MS
/**
 * How often it looks whether threads that are there are still the same, in ms, and how much later at most: ever more seldom, for it costs as much as ten
 * looks. Only one that gets the number of a dead one between two looks is taken for it, and the system gives numbers in turn.
 */
const THOROUGH_MS = 10 * LOOK_MS
const MAX_PATIENCE_MS = 15_000
/** A beat may come this much early, in ms: then it looks all the same, not only with the next one. */
const EARLY_MS = 10

/** How long after a look the next one comes of a thread that has blocked for so long, in ms. */
export function betweenLooks(blockedMs: number): number {
  return blockedMs < LONG_MS ? LOOK_MS : LONG_LOOK_MS
}

/**
 * Whether there may be something to look after, and this half has not looked lately: short time-outs in a row look too, but not each time. As
 * long as nobody has ended anything and all threads are there, that is seldom.
 */
export function lookIsDue(memory: PipeMemory): boolean {
  const nowMs = performance.now()
  if (nowMs - memory.lookedMs < LOOK_MS - EARLY_MS) return false
  memory.lookedMs = nowMs
  const nothingNew = !isEnding(memory.words) && allThere(memory)
  if (nothingNew && nowMs - memory.lookedWellMs - memory.patienceMs < THOROUGH_MS) return false
  memory.patienceMs = nothingNew ? Math.min(2 * memory.patienceMs + THOROUGH_MS, MAX_PATIENCE_MS) : 0
  memory.lookedWellMs = nowMs
  return true
}

/**
 * Looks after the threads that an operation of `half` may wait for.
 *
 * @param queued whether it waits for its own lock
 * @param exceptThread a thread that cannot help now, since it is blocked by this very operation; 0 = none
 * @returns whether the other side, at the slot, is dead: a match with it will not go on
 */
export function lookAfter(memory: PipeMemory, half: Half, queued: boolean, exceptThread: number): boolean {
  helpEnd(memory)
  if (queued) inherit(memory, half)
  const orphaned = inherit(memory, PEER[half])
  if (isDeserted(memory, PEER[half], exceptThread)) endExited(memory, PEER[half])
  return orphaned
}

/** Looks whether a thread has died amid a call of this half: a close that comes after that does not make an end of file of it. */
export function lookAfterOwn(memory: PipeMemory, half: Half): void {
  inherit(memory, half)
}

/** Puts right what a dead owner of a half's lock has left. @returns whether a match was left */
function inherit(memory: PipeMemory, half: Half): boolean {
  const { words } = memory
  const owner = ownerOf(words, LOCK[half])
  if (owner === FREE || !isDead(memory, half, threadOf(owner))) return false
  // The dead owner's state, if the lock is still its own afterwards: nobody else can have begun anything.
  const begun = hasBegun(memory, half)
  if (ownerOf(words, LOCK[half]) !== owner) return false
  if (begun) endExited(memory, half)
  else freeLock(words, LOCK[half], owner)
  return begun
}

/** Whether the owner of a half's lock has begun what only itself could finish. */
function hasBegun({ words, capacity }: PipeMemory, half: Half): boolean {
  // A buffered read is undone by being forgotten: it gives the room back last. A write may have stored a part.
  if (capacity > 0) return half === 'writer'
  switch (Atomics.load(words, HANDOFF) & STATE) {
    case IDLE:
      return false
    case OFFERED:
      return half === 'writer'
    case TAKING:
    case LENT:
      return true
    case CUT:
      return half === 'reader'
    default:
      return true
  }
}
