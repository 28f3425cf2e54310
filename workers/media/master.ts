import type { Block } from './block.ts'
import { limit } from './limiter.ts'
import { type Loudness, LoudnessMeter } from './loudness.ts'
import { type Spectrogram, SpectrogramMeter } from './spectrogram.ts'
import { PeakMeter } from './true-peak.ts'

/** What is known of sound when it is over. */
export interface Measures {
  loudness: Loudness
  /** 1 is full scale. */
  peak: number
  spectrogram: Spectrogram
}

/** The last hand at sound: keeps it below full scale, and measures what it lets through. */
export class Master {
  readonly #loudness: LoudnessMeter
  readonly #peak = new PeakMeter()
  readonly #spectrogram: SpectrogramMeter

  constructor(rate: number) {
    this.#loudness = new LoudnessMeter(rate)
    this.#spectrogram = new SpectrogramMeter(rate)
  }

  process(from: Block, to: Block): void {
    limit(from, to)
    this.#loudness.add(to)
    this.#peak.add(to)
    this.#spectrogram.add(to)
  }

  result(): Measures {
    return {
      loudness: this.#loudness.result(),
      peak: this.#peak.result(),
      spectrogram: this.#spectrogram.result(),
    }
  }
}
