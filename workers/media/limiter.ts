import { BLOCK_FRAMES, type Block } from './block.ts'

/** From here on a level is bent, and up to there it comes, where 1 is full scale: -3 and -1 dB. */
const KNEE = 10 ** (-3 / 20)
const CEILING = 10 ** (-1 / 20)
const BEND = CEILING - KNEE

/** Keeps sound below full scale: what is louder than a level is bent, the more the louder it is. */
export function limit(from: Block, to: Block): void {
  limitChannel(from.left, to.left)
  limitChannel(from.right, to.right)
}

function limitChannel(from: Float32Array, to: Float32Array): void {
  for (let i = 0; i < BLOCK_FRAMES; i += 1) {
    const level = from[i] as number
    const over = Math.abs(level) - KNEE
    to[i] = over <= 0 ? level : Math.sign(level) * (KNEE + BEND * Math.tanh(over / BEND))
  }
}
