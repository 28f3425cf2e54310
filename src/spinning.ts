import { platform } from '#platform'
import type { Operation } from './operation.ts'
import { SHORT_SPINS } from './waiting.ts'

/**
 * How long a blocked thread spins before it parks: up to about what a park costs, shorter while that fails, longer when a park was shorter than that.
 *
 * One thing no short spin can mend. The system likes to run a thread where the one that has woken it runs. Two threads that wait for each other may so come to
 * share a core while another is idle; from then on they sleep at every hand-over, for whoever spins keeps the other from answering. They are put apart only
 * if both want to run across a tick or two of the scheduler. So a thread that has parked often, and not for long, spins for such a time for
 * some waits; if that does not help, it has more patience before it tries again.
 * Nor does it try while more threads want to run than there are cores: then there is no idle one. For as long it spins less, too: the core is wanted by
 * others, and who is not about to answer will not soon.
 */

/** The longest spin but for that: so a wait never costs more than twice the best choice. */
export const MAX_SPINS = 16_384
/** A park shorter than this, in ms, is one that a longer spin would have spared. */
const SPARED_MS = 0.05
/** Some ms. */
const APART_SPINS = 0x8_0000
/** Waits that begin within this time, in ms, spin so long, while that pays: the other thread has to come to do so meanwhile. */
const APART_MS = 10
/** A call that has less time left than this, in ms, does not. */
const TIME_FOR_APART_MS = 50
/** A park that is shorter than this, in ms, is one that such a spin might have spared: one while the other thread spins so long is, too. */
const SHORT_PARK_MS = 8
/** After so many of them, in the beginning and at most. */
const FIRST_PATIENCE = 32
const MAX_PATIENCE = 8192
const MORE_PATIENCE = 4
/** A thread that has not parked for so long, in ms, has its patience back. */
const UNDISTURBED_MS = 20
/** For so long, in ms, after more threads wanted to run than there are cores, that counts: one look sees less than there is. */
const CROWDED_MS = 250
/** A thread that parks all the time looks for that after so many short parks, and not within so many ms. */
const PARKS_BETWEEN_LOOKS = 32
const MS_BETWEEN_LOOKS = 50
/** The longest spin then: some microseconds. */
const CROWDED_SPINS = 1024

let patience = FIRST_PATIENCE
let shortParks = 0
let apartUntilMs = 0
let parkedUntilMs = 0
let crowdedMs = -CROWDED_MS
let lookedMs = -MS_BETWEEN_LOOKS

/** Spins for as long as it is worth, with so much time left. @returns whether what the operation waits for has changed */
export function spinBeforeParking(operation: Operation, leftMs: number): boolean {
  if (shortParks >= patience) {
    shortParks = 0
    patience = Math.min(patience * MORE_PATIENCE, MAX_PATIENCE)
    const nowMs = performance.now()
    lookAround(nowMs)
    if (nowMs - crowdedMs >= CROWDED_MS) apartUntilMs = nowMs + APART_MS
  }
  if (apartUntilMs > 0 && leftMs > TIME_FOR_APART_MS) {
    const changed = hasChanged(operation, APART_SPINS)
    if (changed) operation.spins = MAX_SPINS
    if (!changed || performance.now() > apartUntilMs) apartUntilMs = 0
    return changed
  }
  // As of the last park: a thread that never parks is not crowded, or has no harm from it.
  const most = parkedUntilMs - crowdedMs < CROWDED_MS ? CROWDED_SPINS : MAX_SPINS
  const spins = Math.min(operation.spins, most)
  const changed = hasChanged(operation, spins)
  operation.spins = changed ? longer(spins) : Math.max(spins >> 1, SHORT_SPINS)
  return changed
}

/** Notes a park that has ended by a wake, of an operation that would have spun: one that queues for a lock never does. */
export function noteParked(operation: Operation, fromMs: number, untilMs: number): void {
  if (untilMs - fromMs < SPARED_MS) operation.spins = longer(operation.spins)
  if (fromMs - parkedUntilMs > UNDISTURBED_MS) {
    patience = FIRST_PATIENCE
    shortParks = 0
  }
  parkedUntilMs = untilMs
  if (untilMs - fromMs >= SHORT_PARK_MS) return
  shortParks += 1
  if (shortParks % PARKS_BETWEEN_LOOKS === 0 && untilMs - lookedMs >= MS_BETWEEN_LOOKS) lookAround(untilMs)
}

function longer(spins: number): number {
  return Math.min(spins * 4, MAX_SPINS)
}

function lookAround(nowMs: number): void {
  lookedMs = nowMs
  if (platform.isCrowded()) crowdedMs = nowMs
}

/** Looks at what the operation waits for, at most so many times. @returns whether it has changed */
export function hasChanged({ memory, watch, seen }: Operation, looks: number): boolean {
  for (let i = 0; i < looks; i += 1) if (Atomics.load(memory.words, watch) !== seen) return true
  return false
}
