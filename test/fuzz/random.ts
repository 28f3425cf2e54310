/** Numbers that look random and come again with their seeds: a case draws its own, so that it can be run alone. */
export class Random {
  #state = 0x9e3779b9

  constructor(...seeds: number[]) {
    for (const seed of seeds) {
      // Mixed, not only counted on: else the cases of one seed are those of the next in another order.
      this.#state ^= seed
      this.#state = this.word()
    }
  }

  /** Any 32-bit word. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) | 0
  }

  /** A whole number from 0 to less than `n`. */
  below(n: number): number {
    return (this.word() >>> 0) % n
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T
  }
}
