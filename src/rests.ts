import { CAN_SPIN } from './waiting.ts'

/**
 * When a reader of a buffered pipe does better to come a little later. One that is faster than its writers takes each small write as it comes, and each time
 * pulls the cache line on which they publish from under them: then both sides take twice to three times as long as if it came once in some microseconds, and took
 * many writes at once. So a read after one that has emptied the buffer, and found little in it, rests before it looks; as long as that pays: as it
 * then finds twice what it finds without. Rests become longer while that pays, too: while they find half as much again. Where a length does not pay, as none does
 * where each write waits for an answer, it is tried again after more and more reads.
 */

/** How long the shortest rest is, in turns of an empty loop: half a microsecond, once that is compiled. The next length is twice that, and so on; length 0 is none. */
const SHORTEST_LOOPS = 2000
/** The longest: about four microseconds. */
const LONGEST = 4
/** So many times as much must a rest find as the most that those of the next shorter length have found, for a message may come in a short piece and a long one. */
const GAIN = 2
/** The same, of one that is longer than the shortest. */
const LONGER_GAIN = 1.5
/** Who finds more than this, in bytes, takes long enough for it. */
const LITTLE_BYTES = 4096
/** Reads with a shorter rest after one in vain, in the beginning and at most; four times as many each time. */
const FIRST_PATIENCE = 4
const MAX_PATIENCE = 1024
const MORE_PATIENCE = 4
/** So many rests in a row must pay to give the patience back, and to try longer ones. */
const PAID_IN_ROW = 4
/** After so many rests that paid, one is shorter, to see what it finds. */
const PROBE_AFTER = 64

export class Rests {
  readonly #halfBytes: number
  readonly #littleBytes: number
  /** The most that reads have found, for each length of their rests; of late. */
  readonly #found = new Int32Array(LONGEST + 1)
  /** The length that pays as far as is known, or is on trial; an index, as all lengths here. */
  #length = 1
  #patience = FIRST_PATIENCE
  /** Reads to come with a shorter rest, since the last one of that length was in vain. */
  #shorter = 0
  #probing = false
  #paid = 0
  #paidInRow = 0
  #due = false
  /** How long the read that is under way has rested. */
  #rested = 0

  constructor(capacity: number) {
    // A buffer that is half full already would soon keep the writers waiting.
    this.#halfBytes = capacity >> 1
    this.#littleBytes = CAN_SPIN ? Math.min(LITTLE_BYTES, this.#halfBytes) : 0
  }

  /** Rests before a read, if that is worth it. @returns for how long */
  rest(): number {
    if (this.#due) return this.#rest()
    this.#rested = 0
    return 0
  }

  /** Notes what a read has found, and whether it took all of that. */
  note(found: number, emptied: boolean): void {
    const length = this.#rested
    if (length > 0) this.#judge(length, found)
    const before = this.#found[length] as number
    this.#found[length] = Math.max(found, faded(before))
    this.#due = emptied && found <= this.#littleBytes
  }

  #rest(): number {
    let length = this.#length
    if (this.#shorter > 0) {
      this.#shorter -= 1
      length -= 1
    }
    if (this.#probing) {
      this.#probing = false
      length -= 1
    }
    this.#due = false
    this.#rested = length
    const loops = length > 0 ? SHORTEST_LOOPS << (length - 1) : 0
    for (let i = 0; i < loops; i += 1);
    return length
  }

  #judge(length: number, found: number): void {
    const enough = (length > 1 ? LONGER_GAIN : GAIN) * (this.#found[length - 1] as number)
    if (found >= enough && found <= this.#halfBytes) this.#onGain(length)
    else this.#onVain(length)
  }

  #onGain(length: number): void {
    this.#paid += 1
    this.#probing = this.#paid % PROBE_AFTER === 0
    if (length < this.#length) return
    this.#paidInRow += 1
    if (this.#paidInRow < PAID_IN_ROW) return
    this.#patience = FIRST_PATIENCE
    if (length === LONGEST) return
    this.#length += 1
    this.#paidInRow = 0
  }

  #onVain(length: number): void {
    // Nor has the longer one that was on trial a chance before this one pays.
    if (length < this.#length) this.#patience = FIRST_PATIENCE
    this.#length = length
    this.#paidInRow = 0
    this.#shorter = this.#patience
    this.#patience = Math.min(this.#patience * MORE_PATIENCE, MAX_PATIENCE)
  }
}

/** What is left of the most that was found, with each read of that length: three quarters, and in the end nothing. */
function faded(most: number): number {
  return most - ((most + 3) >> 2)
}
