import { createHash, type Hash } from 'node:crypto'
import type { Block } from './block.ts'
import type { Sound } from './job.ts'
import { wavHeader } from './wav-header.ts'
import { wavSamplesOf } from './wav-samples.ts'

/** Makes a WAV file of blocks, piece by piece, and hashes it on the way. */
export class Encoder {
  readonly header: Uint8Array
  readonly #samplesOf = wavSamplesOf()
  readonly #hash: Hash = createHash('sha256')

  constructor({ rate, frames }: Sound) {
    this.header = wavHeader({ coding: 'int16', channels: 2, rate, frames })
    this.#hash.update(this.header)
  }

  /** Makes the bytes that follow. */
  encode(block: Block, bytes: Uint8Array): void {
    this.#samplesOf(block, bytes)
    this.#hash.update(bytes)
  }

  /** The SHA-256 of the whole, in hex. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
