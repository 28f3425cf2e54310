import { fft, ifft } from 'fourier-transform'
import { BLOCK_FRAMES, type Block } from './block.ts'

/** What a room answers to an impulse: from each side to each side, so that what is heard on the left rings on the right too. */
export interface Responses {
  leftToLeft: Float32Array
  leftToRight: Float32Array
  rightToLeft: Float32Array
  rightToRight: Float32Array
}

const WINDOW = 2 * BLOCK_FRAMES
const BINS = BLOCK_FRAMES + 1

/**
 * Convolves sound with the responses of a room, a block at a time and with no delay, however long they are: uniformly partitioned overlap-save. Each
 * response is cut into parts as long as a block. The spectrum of the newest block, and of each before, is multiplied with that of the part
 * that it meets; the sum is transformed back, once for each side.
 */
export class Convolver {
  readonly #left: History
  readonly #right: History
  readonly #responses: Record<keyof Responses, Spectra>
  readonly #sum: [Float64Array, Float64Array] = [new Float64Array(BINS), new Float64Array(BINS)]
  readonly #signal = new Float64Array(WINDOW)

  constructor(responses: Responses) {
    const parts = Math.ceil(Math.max(...Object.values(responses).map(({ length }) => length)) / BLOCK_FRAMES)
    const spectra = (response: Float32Array): Spectra => Spectra.ofResponse(response, parts)
    this.#left = new History(parts)
    this.#right = new History(parts)
    this.#responses = {
      leftToLeft: spectra(responses.leftToLeft),
      leftToRight: spectra(responses.leftToRight),
      rightToLeft: spectra(responses.rightToLeft),
      rightToRight: spectra(responses.rightToRight),
    }
  }

  process(from: Block, to: Block): void {
    const { leftToLeft, leftToRight, rightToLeft, rightToRight } = this.#responses
    this.#left.add(from.left)
    this.#right.add(from.right)
    this.#mix(leftToLeft, rightToLeft, to.left)
    this.#mix(leftToRight, rightToRight, to.right)
  }

  #mix(fromLeft: Spectra, fromRight: Spectra, to: Float32Array): void {
    const [re, im] = this.#sum
    re.fill(0)
    im.fill(0)
    this.#left.multiply(fromLeft, re, im)
    this.#right.multiply(fromRight, re, im)
    ifft(re, im, this.#signal)
    // The first half is spoilt by what wraps round.
    for (let i = 0; i < BLOCK_FRAMES; i += 1) to[i] = this.#signal[BLOCK_FRAMES + i] as number
  }
}

/** Some spectra, one after the other. Floats of 32 bits: they are read through for every block, and half of it fits into a cache. */
class Spectra {
  readonly count: number
  readonly re: Float32Array
  readonly im: Float32Array
  readonly #spectrum: [Float64Array, Float64Array] = [new Float64Array(BINS), new Float64Array(BINS)]

  constructor(count: number) {
    this.count = count
    this.re = new Float32Array(count * BINS)
    this.im = new Float32Array(count * BINS)
  }

  static ofResponse(response: Float32Array, parts: number): Spectra {
    const spectra = new Spectra(parts)
    const window = new Float64Array(WINDOW)
    for (let part = 0; part < parts; part += 1) {
      window.fill(0)
      window.set(response.subarray(part * BLOCK_FRAMES, (part + 1) * BLOCK_FRAMES))
      spectra.put(part, window)
    }
    return spectra
  }

  put(index: number, window: Float64Array): void {
    const [re, im] = fft(window, this.#spectrum)
    this.re.set(re, index * BINS)
    this.im.set(im, index * BINS)
  }
}

/** The spectra of the last blocks of one channel, in a ring. */
class History {
  readonly #spectra: Spectra
  readonly #window = new Float64Array(WINDOW)
  #newest = 0

  constructor(blocks: number) {
    this.#spectra = new Spectra(blocks)
  }

  add(channel: Float32Array): void {
    const { count } = this.#spectra
    this.#newest = (this.#newest + 1) % count
    this.#window.copyWithin(0, BLOCK_FRAMES)
    this.#window.set(channel, BLOCK_FRAMES)
    this.#spectra.put(this.#newest, this.#window)
  }

  /** Adds the product of each block with its part of the response to a sum. */
  multiply(response: Spectra, re: Float64Array, im: Float64Array): void {
    const { count } = this.#spectra
    for (let part = 0; part < count; part += 1) {
      const block = (this.#newest - part + count) % count
      multiplyAdd(this.#spectra, block * BINS, response, part * BINS, re, im)
    }
  }
}

function multiplyAdd(a: Spectra, atA: number, b: Spectra, atB: number, re: Float64Array, im: Float64Array): void {
  const { re: aRe, im: aIm } = a
  const { re: bRe, im: bIm } = b
  for (let bin = 0; bin < BINS; bin += 1) {
    const ar = aRe[atA + bin] as number
    const ai = aIm[atA + bin] as number
    const br = bRe[atB + bin] as number
    const bi = bIm[atB + bin] as number
    re[bin] = (re[bin] as number) + ar * br - ai * bi
    im[bin] = (im[bin] as number) + ar * bi + ai * br
  }
}
