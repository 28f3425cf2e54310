/** The factors of a filter of second order; `a0` is 1. */
export interface Factors {
  b0: number
  b1: number
  b2: number
  a1: number
  a2: number
}

/** Two filters of second order, one after the other, for one channel. */
export class BiquadPair {
  readonly #first: Factors
  readonly #second: Factors
  readonly #state = new Float64Array(4)

  constructor(first: Factors, second: Factors) {
    this.#first = first
    this.#second = second
  }

  /** The energy of samples that have gone through both: the sum of their squares. */
  energy(samples: Float32Array, from: number, to: number): number {
    const { b0, b1, b2, a1, a2 } = this.#first
    const { b0: c0, b1: c1, b2: c2, a1: d1, a2: d2 } = this.#second
    let [s1, s2, t1, t2] = this.#state as unknown as [number, number, number, number]
    let energy = 0
    for (let i = from; i < to; i += 1) {
      const x = samples[i] as number
      const y = b0 * x + s1
      s1 = b1 * x - a1 * y + s2
      s2 = b2 * x - a2 * y
      const z = c0 * y + t1
      t1 = c1 * y - d1 * z + t2
      t2 = c2 * y - d2 * z
      energy += z * z
    }
    this.#state.set([s1, s2, t1, t2])
    return energy
  }
}
