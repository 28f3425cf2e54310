import { fft } from 'fourier-transform'
import { BLOCK_FRAMES, type Block } from './block.ts'

/** How loud each band was at each time. */
export interface Spectrogram {
  /** The middle of each band, in Hz, from low to high: each as much higher than the one before. */
  bands: Float64Array
  columns: number
  /** Where the first column begins: before the sound, since its window is longer than a column. */
  startSeconds: number
  secondsPerColumn: number
  /** Column by column, the power of each band: 1 is a sine at full scale on both sides. */
  powers: Float32Array
}

/** The window that is looked through: long enough to tell low notes apart. */
const WINDOW_FRAMES = 4096
const HOP_FRAMES = 512
const BANDS = 420
const [LOWEST_HZ, HIGHEST_HZ] = [30, 20_000]
/** When there are more, each two become one: a picture of an hour is as wide as that of a minute. */
const MAX_COLUMNS = 2400

/** Makes a spectrogram of both channels together. */
export class SpectrogramMeter {
  readonly #rate: number
  readonly #bands: Float64Array
  readonly #recent = new Float32Array(WINDOW_FRAMES + BLOCK_FRAMES)
  readonly #window = hann(WINDOW_FRAMES)
  readonly #signal = new Float64Array(WINDOW_FRAMES)
  readonly #spectrum: [Float64Array, Float64Array]
  readonly #power = new Float64Array(WINDOW_FRAMES / 2 + 1)
  /** For each band the bins it lies over, and where it is narrower than one, between which two. */
  readonly #spans: readonly Span[]
  readonly #sum: Float64Array
  #powers = new Float32Array(MAX_COLUMNS * BANDS)
  #columns = 0
  #hopsPerColumn = 1
  #hops = 0

  constructor(rate: number) {
    this.#rate = rate
    const highest = Math.min(HIGHEST_HZ, rate / 2)
    const ratio = (highest / LOWEST_HZ) ** (1 / BANDS)
    this.#bands = Float64Array.from({ length: BANDS }, (_, i) => LOWEST_HZ * ratio ** (i + 0.5))
    this.#spans = Array.from(this.#bands, (hz) => spanOf(hz, ratio, rate))
    this.#spectrum = [new Float64Array(this.#power.length), new Float64Array(this.#power.length)]
    this.#sum = new Float64Array(BANDS)
  }

  add({ left, right }: Block): void {
    this.#recent.copyWithin(0, BLOCK_FRAMES)
    for (let i = 0; i < BLOCK_FRAMES; i += 1) {
      this.#recent[WINDOW_FRAMES + i] = ((left[i] as number) + (right[i] as number)) / 2
    }
    for (let start = HOP_FRAMES; start <= BLOCK_FRAMES; start += HOP_FRAMES) this.#addWindow(start)
  }

  result(): Spectrogram {
    if (this.#hops > 0) {
      this.#makeRoom()
      this.#endColumn()
    }
    return {
      bands: this.#bands,
      columns: this.#columns,
      startSeconds: (HOP_FRAMES - WINDOW_FRAMES) / 2 / this.#rate,
      secondsPerColumn: (this.#hopsPerColumn * HOP_FRAMES) / this.#rate,
      powers: this.#powers.slice(0, this.#columns * BANDS),
    }
  }

  #addWindow(start: number): void {
    for (let i = 0; i < WINDOW_FRAMES; i += 1) {
      this.#signal[i] = (this.#recent[start + i] as number) * (this.#window[i] as number)
    }
    const [re, im] = fft(this.#signal, this.#spectrum)
    for (let bin = 0; bin < this.#power.length; bin += 1) {
      this.#power[bin] = (re[bin] as number) ** 2 + (im[bin] as number) ** 2
    }
    this.#spans.forEach((span, band) => {
      this.#sum[band] = (this.#sum[band] as number) + powerOver(span, this.#power)
    })
    this.#hops += 1
    // With room made, a column has as many again to come.
    if (this.#hops === this.#hopsPerColumn) this.#makeRoom()
    if (this.#hops === this.#hopsPerColumn) this.#endColumn()
  }

  #endColumn(): void {
    const at = this.#columns * BANDS
    for (let band = 0; band < BANDS; band += 1) this.#powers[at + band] = (this.#sum[band] as number) / this.#hops
    this.#columns += 1
    this.#hops = 0
    this.#sum.fill(0)
  }

  /** Makes one column of each two, when there are as many as there may be. */
  #makeRoom(): void {
    if (this.#columns < MAX_COLUMNS) return
    for (let i = 0; i < (MAX_COLUMNS / 2) * BANDS; i += 1) {
      const [column, band] = [Math.floor(i / BANDS), i % BANDS]
      const at = 2 * column * BANDS + band
      this.#powers[i] = ((this.#powers[at] as number) + (this.#powers[at + BANDS] as number)) / 2
    }
    this.#columns /= 2
    this.#hopsPerColumn *= 2
  }
}

interface Span {
  /** The first bin and the last one that it lies over. */
  first: number
  last: number
  /** Where `last` is `first` and one: how near its middle is to the last. */
  weight: number
  narrow: boolean
}

function spanOf(hz: number, ratio: number, rate: number): Span {
  const binOf = (frequency: number): number => (frequency * WINDOW_FRAMES) / rate
  const [first, last] = [Math.ceil(binOf(hz / Math.sqrt(ratio))), Math.floor(binOf(hz * Math.sqrt(ratio)))]
  if (last > first) return { first, last: Math.min(last, WINDOW_FRAMES / 2), weight: 0, narrow: false }
  const below = Math.min(Math.floor(binOf(hz)), WINDOW_FRAMES / 2 - 1)
  return { first: below, last: below + 1, weight: binOf(hz) - below, narrow: true }
}

function powerOver({ first, last, weight, narrow }: Span, power: Float64Array): number {
  if (narrow) return (power[first] as number) * (1 - weight) + (power[last] as number) * weight
  let most = 0
  for (let bin = first; bin <= last; bin += 1) most = Math.max(most, power[bin] as number)
  return most
}

/** Hann's window, scaled so that a sine at full scale has the power 1 in its bin. */
function hann(length: number): Float64Array {
  return Float64Array.from({ length }, (_, i) => (2 / length) * (1 - Math.cos((2 * Math.PI * i) / length)))
}
