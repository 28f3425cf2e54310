import {
  type Board,
  DEEDS,
  deedOf,
  MADE_COUNT,
  MADE_INTS,
  MAX_THREADS,
  NOTIFIES,
  PRUNED,
  PRUNED_AT,
  READS,
  WAITS,
  WRITES,
} from './board.ts'

/** What is chosen at a step. */
export interface Choice {
  readonly step: number
  choice: number
}

/** A choice of the current schedule, and what is still to be tried in its place. */
interface Point extends Choice {
  alternatives: number
  /** The thread that could have gone on, and what it was about to do; undefined if it could not. */
  readonly about: { thread: number; how: number; word: number } | undefined
  /** What was done before. */
  readonly deeds: number
  /** By alternative: what others did while this thread stood. */
  readonly footprints: Map<number, Footprint>
}

/**
 * The choices of the current schedule, and the way to the next one, depth first.
 *
 * To stop a thread before a deed or after it makes no difference if nothing that others do meanwhile has to do with that deed. So what they did when it
 * was stopped after it is kept, over all schedules with that beginning; then stopping it before the deed as well is left out where that is so.
 */
export class Path {
  readonly points: Point[] = []
  /** Whether nothing is left out. */
  readonly #full: boolean
  /** The point behind the last, when all of its alternatives are done with. */
  #behind: Point | undefined

  constructor(full = false) {
    this.#full = full
  }

  /** Goes on to the next schedule. @returns false if there is none */
  advance(board: Board): boolean {
    this.#track(board)
    this.#extend(board)
    for (;;) {
      const last = this.points.at(-1)
      if (last === undefined) return false
      if (last.alternatives === 0) {
        this.#behind = this.points.pop()
        continue
      }
      const choice = 31 - Math.clz32(last.alternatives & -last.alternatives)
      last.alternatives &= last.alternatives - 1
      const same = this.#full ? undefined : this.#footprintBehind(last, choice)
      if (same !== undefined) {
        last.footprints.set(choice, same)
        continue
      }
      last.choice = choice
      last.footprints.set(choice, new Footprint())
      this.#behind = undefined
      return true
    }
  }

  #extend({ flags, made }: Board): void {
    for (let i = 0; i < (flags[MADE_COUNT] as number); i += 1) {
      const [step, choice, alternatives, deeds, about] = made.subarray(
        i * MADE_INTS,
        (i + 1) * MADE_INTS,
      ) as unknown as [number, number, number, number, number]
      this.points.push({
        step,
        choice,
        alternatives,
        deeds,
        about: about < 0 ? undefined : deedOf(about),
        footprints: new Map(),
      })
    }
    // Where the schedule met a state that was there before, what lies behind is not known.
    if (flags[MADE_COUNT] !== 0) this.#behind = undefined
  }

  /** Adds to the footprints of all that has been stopped on the way what was done meanwhile. */
  #track({ flags, done }: Board): void {
    const end = flags[DEEDS] as number
    const known = flags[PRUNED] === 1 ? (flags[PRUNED_AT] as number) : end
    for (const { about, choice, deeds, footprints } of this.points) {
      const footprint = footprints.get(choice)
      if (about === undefined || footprint === undefined) continue
      let at = deeds
      let seen = false
      for (; at < end; at += 1) {
        const next = deedOf(done[at] as number)
        seen = next.thread === about.thread
        if (seen) break
        footprint.add(next)
      }
      // What comes after a state that was there before is not all that can come.
      if (at > known || (!seen && flags[PRUNED] === 1)) footprint.unknown = true
    }
  }

  /** What others did when the thread was stopped one deed later, if that deed has nothing to do with it. */
  #footprintBehind({ about, deeds }: Point, choice: number): Footprint | undefined {
    const behind = this.#behind
    if (about === undefined || behind === undefined || choice >= MAX_THREADS) return undefined
    if (behind.about?.thread !== about.thread || behind.deeds !== deeds + 1) return undefined
    const footprint = behind.footprints.get(choice)
    return footprint?.isFreeOf(about) === true ? footprint : undefined
  }
}

/** A set of deeds. */
class Footprint {
  readonly #read = new Set<number>()
  readonly #written = new Set<number>()
  readonly #slept = new Set<number>()
  /** Not all deeds are known. */
  unknown = false

  add({ how, word }: { how: number; word: number }): void {
    switch (how) {
      case READS:
        this.#read.add(word)
        break
      case WRITES:
        this.#written.add(word)
        break
      case WAITS:
        this.#read.add(word)
        this.#slept.add(word)
        break
      case NOTIFIES:
        this.#slept.add(word)
        break
      default:
        this.unknown = true
    }
  }

  isFreeOf({ how, word }: { how: number; word: number }): boolean {
    if (this.unknown) return false
    switch (how) {
      case READS:
        return !this.#written.has(word)
      case WRITES:
        return !this.#written.has(word) && !this.#read.has(word)
      case WAITS:
        return !this.#written.has(word) && !this.#slept.has(word)
      case NOTIFIES:
        return !this.#slept.has(word)
      default:
        return false
    }
  }
}
