import { platform } from '#platform'
import type { PipeMemory } from './memory.ts'

/** Views of so many places of the ring are kept at most, of about 100 bytes each, and of as many past its end: as much memory as the smallest ring that has so many. */
const MAX_PLACES = 1024
/** A place is at least as long as that, in bytes. */
const MIN_PLACE_BYTES = 128

/**
 * Views of parts of the ring, for runtimes that copy a part only through one, and for callbacks that see bytes where they lie: making a view takes longer than a
 * short copy. Calls of one size after the other come to the same parts again and again, so those are kept: one for each place that a part may start in. Of parts that are
 * shorter than a place, which would turn each other out, only the last one is kept, if it comes twice in a row: a rendezvous pipe has no other.
 */
export class Views {
  readonly #memory: PipeMemory
  readonly #placeBits: number
  /** By place. Made once a size has come twice: most pipes never need it. */
  #views: Uint8Array[] | undefined
  /** Where each of them begins: to ask a view takes longer. */
  #positions: Int32Array | undefined
  /** The last part that was asked for, and its view if that is kept. */
  #lastPosition = 0
  #lastBytes = 0
  #last: Uint8Array | undefined

  constructor(memory: PipeMemory) {
    this.#memory = memory
    this.#placeBits = Math.log2(Math.max(MIN_PLACE_BYTES, (memory.mask + 1) / MAX_PLACES))
  }

  /** @returns a view of `n` bytes from a position on, or undefined where none is needed, or none kept */
  of(position: number, n: number): Uint8Array | undefined {
    if (n <= platform.viewlessBytes) return undefined
    const isSame = n === this.#lastBytes && position === this.#lastPosition
    if (isSame && this.#last !== undefined) return this.#last
    const isShort = n >> this.#placeBits === 0
    const isAgain = isSame || (n === this.#lastBytes && !isShort)
    // First: what is stopped here for lack of stack must not leave the view of another part.
    this.#last = undefined
    this.#lastBytes = n
    this.#lastPosition = position
    const { buffer, window } = this.#memory
    const place = position >> this.#placeBits
    const kept = isShort ? undefined : this.#views?.[place]
    if (kept !== undefined && this.#positions?.[place] === position && kept.length === n) {
      this.#last = kept
    } else if (isAgain) {
      this.#last = new Uint8Array(buffer, window.byteOffset + position, n)
      if (!isShort) {
        const places = ((window.length - 1) >> this.#placeBits) + 1
        this.#views ??= new Array(places)
        this.#positions ??= new Int32Array(places)
        // Until both are stored: a call may be stopped in between.
        this.#positions[place] = -1
        this.#views[place] = this.#last
        this.#positions[place] = position
      }
    }
    return this.#last
  }
}
