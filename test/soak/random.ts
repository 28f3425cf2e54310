/** Numbers that look random and come again with the same seed, in any thread. */
export class Random {
  #state: number

  constructor(...seeds: number[]) {
    this.#state = seeds.reduce((state, seed) => mix((state + seed) | 0), 0x51ed270b)
  }

  /** A whole number of 0 to `n` - 1. */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    return Math.floor((mix(this.#state) / 2 ** 32) * n)
  }

  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }

  chance(share: number): boolean {
    return this.below(1_000_000) < share * 1_000_000
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T
  }

  /** Many small sizes and a few large ones: each power of two is as likely as the next. */
  skewed(low: number, high: number): number {
    const exponent = (this.below(1001) / 1000) * Math.log2((high + 1) / Math.max(low, 1))
    return Math.min(high, Math.max(low, Math.floor(Math.max(low, 1) * 2 ** exponent)))
  }
}

/** Spreads 32 bits over 32 bits; each bit of the result depends on each bit of the input. */
export function mix(value: number): number {
  let x = value | 0
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b5)
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d)
  return (x ^ (x >>> 14)) >>> 0
}
