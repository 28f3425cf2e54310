import { platform } from '#platform'
import type { PipeMemory } from './memory.ts'

/** Views of so many places are kept at most. */
const MAX_PLACES = 2048
/** A place is at least as long as that, in bytes: a cache line. */
const MIN_PLACE_BITS = 6

const NONE: Uint8Array[] = []

/**
 * Views of parts of the ring, for runtimes that copy a part only through one: making a view takes longer than a short copy. Reads of one size after the
 * other come to the same parts again and again, so those are kept: one for each place that a part may start in.
 */
export class Views {
  readonly #memory: PipeMemory
  readonly #placeBits: number
  readonly #places: number
  /** Made once a size has come twice: most pipes never need it. */
  #views = NONE
  #lastBytes = 0

  constructor(memory: PipeMemory) {
    const ring = memory.mask + 1
    this.#memory = memory
    this.#places = Math.min(MAX_PLACES, ring >> MIN_PLACE_BITS)
    this.#placeBits = Math.log2(ring / this.#places)
  }

  /** @returns a view of `n` bytes from a position on, or undefined where none is needed, or they are of another size than those before */
  of(position: number, n: number): Uint8Array | undefined {
    if (n <= platform.viewlessBytes) return undefined
    const place = position >> this.#placeBits
    const { buffer, window } = this.#memory
    const start = window.byteOffset + position
    const known = this.#views[place]
    if (known !== undefined && known.byteOffset === start && known.length === n) return known
    if (n !== this.#lastBytes) {
      this.#lastBytes = n
      return undefined
    }
    if (this.#views === NONE) this.#views = new Array(this.#places)
    const view = new Uint8Array(buffer, start, n)
    this.#views[place] = view
    return view
  }
}
