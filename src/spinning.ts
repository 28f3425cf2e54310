import { platform } from '#platform'
import type { Operation } from './operation.ts'
import { SHORT_SPINS, spin } from './waiting.ts'

/**
 * How long a blocked thread spins before it parks: up to about what a park costs, shorter while that fails, and not at all while more threads want to
 * run than there are cores: then whoever spins keeps the very thread from running that it waits for.
 *
 * Two states no short spin can leave, in which two threads sleep at every hand-over. Either both have come to spin for shorter than the other takes to
 * wake up. Or they share a core while another is idle, since the system likes to run a thread where the one that has woken it runs; it puts them apart
 * only if both want to run across some ticks of the scheduler. So a thread that has parked often, and never for long, spins for so long for some waits; if
 * that does not help, it has more patience before it tries again.
 */

/** The longest spin but for that: so a wait never costs more than twice the best choice. */
const MAX_SPINS = 8192
/** Some ms. */
const APART_SPINS = 2 ** 19
/** Waits that begin within this time, in ms, spin so long: the other thread has to come to do so meanwhile. */
const APART_MS = 20
/** A call that has less time left than this, in ms, does not. */
const TIME_FOR_APART_MS = 50
/** A park that is shorter than this, in ms, is one that a spin might have spared: one while the other thread spins so long is, too. */
const SHORT_PARK_MS = 8
/** After so many of them, in the beginning and at most. */
const FIRST_PATIENCE = 32
const MAX_PATIENCE = 8192
const MORE_PATIENCE = 4
/** A thread that has not parked for so long, in ms, has its patience back. */
const UNDISTURBED_MS = 60
/** A thread that parks often looks this often, in ms, whether there are more threads than cores. It takes the time of some parks. */
const LOOK_AROUND_MS = 4
/** If so, it does not spin for so long, in ms: one look sees less than there is. */
const CROWDED_MS = 20
/** And for so long, in ms, it does not try to be put apart: there is no idle core. */
const CROWDED_APART_MS = 250

let limit = MAX_SPINS
let patience = FIRST_PATIENCE
let shortParks = 0
let apartUntilMs = 0
let parkedUntilMs = 0
let lookedMs = 0
let parksSinceLook = 0
let crowdedMs = Number.NEGATIVE_INFINITY

/** Spins for as long as it is worth, with so much time left. @returns whether what the operation waits for has changed */
export function spinBeforeParking(operation: Operation, leftMs: number): boolean {
  const nowMs = performance.now()
  if (nowMs - crowdedMs < CROWDED_MS) return false
  if (shortParks >= patience) tryLonger(nowMs)
  if (nowMs < apartUntilMs && leftMs > TIME_FOR_APART_MS) {
    const changed = hasChanged(operation, APART_SPINS)
    if (changed) limit = MAX_SPINS
    return changed
  }
  const changed = hasChanged(operation, limit)
  limit = changed ? Math.min(limit * 4, MAX_SPINS) : Math.max(limit >> 1, SHORT_SPINS)
  return changed
}

function tryLonger(nowMs: number): void {
  shortParks = 0
  patience = Math.min(patience * MORE_PATIENCE, MAX_PATIENCE)
  limit = MAX_SPINS
  if (nowMs - lookedMs >= LOOK_AROUND_MS) lookAround(nowMs)
  if (nowMs - crowdedMs >= CROWDED_APART_MS) apartUntilMs = nowMs + APART_MS
}

/** Notes a park that has ended by a wake, of an operation that would have spun: one that queues for a lock never does. */
export function noteParked(fromMs: number, untilMs: number): void {
  if (fromMs - parkedUntilMs > UNDISTURBED_MS) {
    patience = FIRST_PATIENCE
    shortParks = 0
  }
  parkedUntilMs = untilMs
  if (untilMs - fromMs < SHORT_PARK_MS) shortParks += 1
  parksSinceLook += 1
  if (parksSinceLook >= FIRST_PATIENCE && untilMs - lookedMs >= LOOK_AROUND_MS) lookAround(untilMs)
}

function lookAround(nowMs: number): void {
  lookedMs = nowMs
  parksSinceLook = 0
  if (platform.isCrowded()) crowdedMs = nowMs
}

/** Looks at what the operation waits for, at most so many times. @returns whether it has changed */
export function hasChanged({ memory, watch, seen }: Operation, looks: number): boolean {
  return spin(memory.words, watch, seen, looks) !== seen
}
