import { createHash, type Hash } from 'node:crypto'
import { BLOCK_FRAMES, type Block } from './block.ts'
import type { Sound } from './job.ts'
import { wavHeader } from './wav-header.ts'
import { wavSamplesOf } from './wav-samples.ts'

/** How sound is written. */
export const ENCODING = { coding: 'int16', channels: 2 } as const

/** What is known of a WAV file that has been made. */
export interface Encoded {
  /** Of the whole, in hex. */
  sha256: string
  frames: number
}

/** Makes a WAV file of blocks, piece by piece, and hashes it on the way. */
export class Encoder {
  readonly header: Uint8Array
  readonly #samplesOf = wavSamplesOf()
  readonly #hash: Hash = createHash('sha256')
  #frames = 0

  constructor({ rate, frames }: Sound) {
    this.header = wavHeader({ ...ENCODING, rate, frames })
    this.#hash.update(this.header)
  }

  /** Makes the bytes that follow. */
  encode(block: Block, bytes: Uint8Array): void {
    this.#samplesOf(block, bytes)
    this.#hash.update(bytes)
    this.#frames += BLOCK_FRAMES
  }

  result(): Encoded {
    return { sha256: this.#hash.digest('hex'), frames: this.#frames }
  }
}
