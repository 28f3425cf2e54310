import { BiquadPair, type Factors } from './biquad.ts'
import { BLOCK_FRAMES, type Block } from './block.ts'

/**
 * How loud sound is to the ear: ITU-R BS.1770, in LUFS (loudness units below full scale, also called LKFS). Each channel is weighted as
 * the head and the ear do; the mean power of both is taken over 400 ms, anew every 100 ms; and of these the mean, without those that are silence, or
 * quiet beside the others.
 */
export interface Loudness {
  /** Of the whole, in LUFS; minus infinity for silence. */
  integrated: number
  /** Of the 400 ms up to each tenth of a second, in LUFS. */
  momentary: Float32Array
}

const STEPS_PER_SECOND = 10
const STEPS_PER_GATE = 4
const SILENCE = -70
/** How far below the mean of the rest counts as quiet, in LU. */
const QUIET = 10

export class LoudnessMeter {
  readonly #rate: number
  readonly #left: BiquadPair
  readonly #right: BiquadPair
  /** The energy of each tenth of a second. */
  readonly #steps: number[] = []
  #energy = 0
  #frames = 0

  constructor(rate: number) {
    this.#rate = rate
    this.#left = kWeighting(rate)
    this.#right = kWeighting(rate)
  }

  add({ left, right }: Block): void {
    for (let from = 0; from < BLOCK_FRAMES; ) {
      const to = Math.min(BLOCK_FRAMES, from + this.#stepEnd() - this.#frames)
      this.#energy += this.#left.energy(left, from, to) + this.#right.energy(right, from, to)
      this.#frames += to - from
      from = to
      if (this.#frames === this.#stepEnd()) {
        this.#steps.push(this.#energy)
        this.#energy = 0
      }
    }
  }

  result(): Loudness {
    const powers = this.#powers()
    const loud = powers.filter((power) => loudnessOf(power) > SILENCE)
    const gate = loudnessOf(mean(loud)) - QUIET
    const integrated = loudnessOf(mean(loud.filter((power) => loudnessOf(power) > gate)))
    return { integrated, momentary: Float32Array.from(powers, loudnessOf) }
  }

  /** Where the tenth of a second ends that is being measured, in frames: no sum of rounded tenths. */
  #stepEnd(): number {
    return Math.round(((this.#steps.length + 1) * this.#rate) / STEPS_PER_SECOND)
  }

  /** The mean power of each 400 ms, whole ones only. */
  #powers(): number[] {
    const frames = (STEPS_PER_GATE * this.#rate) / STEPS_PER_SECOND
    const starts = Math.max(0, this.#steps.length - STEPS_PER_GATE + 1)
    return Array.from({ length: starts }, (_, start) => {
      const steps = this.#steps.slice(start, start + STEPS_PER_GATE)
      return steps.reduce((sum, energy) => sum + energy, 0) / frames
    })
  }
}

function loudnessOf(power: number): number {
  return -0.691 + 10 * Math.log10(power)
}

function mean(powers: readonly number[]): number {
  return powers.length === 0 ? 0 : powers.reduce((sum, power) => sum + power, 0) / powers.length
}

function kWeighting(rate: number): BiquadPair {
  return new BiquadPair(headFactors(rate), earFactors(rate))
}

/** The head, a shelf of 4 dB for high notes. The standard gives the factors for 48 kHz; here they follow from the filter, for any rate. */
export function headFactors(rate: number): Factors {
  const k = Math.tan((Math.PI * 1681.974450955533) / rate)
  const q = 0.7071752369554196
  const high = 10 ** (3.999843853973347 / 20)
  const band = high ** 0.4996667741545416
  const a0 = 1 + k / q + k * k
  return {
    b0: (high + (band * k) / q + k * k) / a0,
    b1: (2 * (k * k - high)) / a0,
    b2: (high - (band * k) / q + k * k) / a0,
    a1: (2 * (k * k - 1)) / a0,
    a2: (1 - k / q + k * k) / a0,
  }
}

/** The ear, which hardly hears the lowest notes. */
export function earFactors(rate: number): Factors {
  const k = Math.tan((Math.PI * 38.13547087602444) / rate)
  const q = 0.5003270373238773
  const a0 = 1 + k / q + k * k
  return { b0: 1, b1: -2, b2: 1, a1: (2 * (k * k - 1)) / a0, a2: (1 - k / q + k * k) / a0 }
}
