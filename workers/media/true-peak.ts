import { BLOCK_FRAMES, type Block } from './block.ts'

/**
 * The highest level that sound reaches, also between the samples: four times as many are made of them, by a windowed sinc (ITU-R BS.1770, annex 2).
 */
export class PeakMeter {
  readonly #left = new Float32Array(TAPS - 1 + BLOCK_FRAMES)
  readonly #right = new Float32Array(TAPS - 1 + BLOCK_FRAMES)
  #peak = 0

  add({ left, right }: Block): void {
    this.#peak = Math.max(this.#peak, peakOf(this.#left, left), peakOf(this.#right, right))
  }

  /** 1 is full scale. */
  result(): number {
    return this.#peak
  }
}

const PHASES = 4
/** Samples that one between them is made of. */
const TAPS = 12

/** Of the levels between two samples. */
const FACTORS = Array.from({ length: PHASES - 1 }, (_, i) => factors((i + 1) / PHASES))

/** The factors for a level that lies `shift` of a sample after the sixth of the samples it is made of. */
function factors(shift: number): Float64Array {
  const half = TAPS / 2
  return Float64Array.from({ length: TAPS }, (_, tap) => {
    const x = tap - (half - 1) - shift
    const sinc = Math.sin(Math.PI * x) / (Math.PI * x)
    return sinc * Math.cos((Math.PI * x) / (2 * half)) ** 2
  })
}

function peakOf(window: Float32Array, samples: Float32Array): number {
  window.copyWithin(0, BLOCK_FRAMES)
  window.set(samples, TAPS - 1)
  let peak = 0
  for (let i = 0; i < BLOCK_FRAMES; i += 1) peak = Math.max(peak, Math.abs(samples[i] as number))
  for (const phase of FACTORS) {
    for (let i = 0; i < BLOCK_FRAMES; i += 1) {
      let level = 0
      for (let tap = 0; tap < TAPS; tap += 1) level += (window[i + tap] as number) * (phase[tap] as number)
      peak = Math.max(peak, Math.abs(level))
    }
  }
  return peak
}
