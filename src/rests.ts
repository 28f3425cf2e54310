import { CAN_SPIN } from './waiting.ts'

/**
 * When a reader of a buffered pipe does better to come a little later. One that is faster than its writers takes each small write as it comes, and each time
 * pulls the cache line on which they publish from under them: then both sides take twice to three times as long as if it came once in a microsecond, and took ten
 * writes at once. So a read after one that has emptied the buffer, and found little in it, rests that long before it looks; as long as that pays: as it
 * then finds twice what it finds without. Where it does not, as where each write waits for an answer, it tries again after more and more reads.
 */

/** About a microsecond, for a loop that does nothing. */
const REST_LOOPS = 2000
/** Who finds more than this, in bytes, takes long enough for it. */
const LITTLE_BYTES = 4096
/** So many times as much must a rest give as the most that reads without one have found lately, for a message may come in a short piece and a long one. */
const GAIN = 2
/** What is left of that most with each read. */
const FADING = 0.75
/** Reads without a rest after one in vain, in the beginning and at most; four times as many each time. */
const FIRST_PATIENCE = 4
const MAX_PATIENCE = 1024
const MORE_PATIENCE = 4
/** So many rests in a row must pay to give the patience back. */
const GAINS = 4
/** After so many rests that paid, one read goes without, to see what it finds. */
const PROBE_AFTER = 64

export class Rests {
  readonly #littleBytes: number
  #due = false
  #rested = false
  #foundWithout = 0
  #patience = FIRST_PATIENCE
  /** Reads to come that go without. */
  #without = 0
  #paid = 0
  #paidInRow = 0

  constructor(capacity: number) {
    // A buffer that is half full already would soon keep the writers waiting.
    this.#littleBytes = CAN_SPIN ? Math.min(LITTLE_BYTES, capacity >> 1) : 0
  }

  /** Rests before a read, if that is worth it. @returns whether it did */
  rest(): boolean {
    this.#rested = this.#due
    this.#due = false
    if (!this.#rested) return false
    for (let i = 0; i < REST_LOOPS; i += 1);
    return true
  }

  /** Notes what a read has found, and whether it took all of that. */
  note(found: number, emptied: boolean): void {
    if (!this.#rested) this.#foundWithout = Math.max(found, this.#foundWithout * FADING)
    else if (found >= GAIN * this.#foundWithout) this.#onGain()
    else this.#onVain()
    this.#rested = false
    if (this.#without > 0) this.#without -= 1
    else this.#due = emptied && found <= this.#littleBytes
  }

  #onGain(): void {
    this.#paidInRow += 1
    if (this.#paidInRow >= GAINS) this.#patience = FIRST_PATIENCE
    this.#paid += 1
    if (this.#paid % PROBE_AFTER === 0) this.#without = 1
  }

  #onVain(): void {
    this.#paidInRow = 0
    this.#without = this.#patience
    this.#patience = Math.min(this.#patience * MORE_PATIENCE, MAX_PATIENCE)
  }
}
