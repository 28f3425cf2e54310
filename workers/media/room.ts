import type { Responses } from './convolver.ts'
import { noise } from './noise.ts'

/** How long a room rings until it is 60 dB quieter, in seconds. */
const DECAY_SECONDS = 2.3
/** Where the response ends, faded out. */
export const ROOM_SECONDS = 2.6
const FADE_SECONDS = 0.4
/** The first wall is some metres off. */
const PREDELAY_SECONDS = 0.014
/** How loud what comes back is, beside the direct sound: the root of its energy. */
const WET = 0.38
/** The air and the curtains take the high notes first: where they begin to, in Hz, at the start and at the end. */
const [BRIGHT_HZ, DULL_HZ] = [9000, 900]

/** How late each of the first echoes comes, in seconds, and how loud. */
const ECHOES = [
  [0.0113, 0.42],
  [0.0197, -0.36],
  [0.0271, 0.31],
  [0.0359, 0.25],
  [0.0467, -0.22],
  [0.0613, 0.17],
] as const

/** The responses of a room that there is not: the direct sound, some echoes, and noise that dies away. The same each time. */
export function room(rate: number): Responses {
  const direct = (response: Float32Array): Float32Array => {
    response[0] = 1
    return response
  }
  return {
    leftToLeft: direct(tail(rate, 1, 1, 1)),
    leftToRight: tail(rate, 2, 0.7, 1.13),
    rightToLeft: tail(rate, 3, 0.7, 1.17),
    rightToRight: direct(tail(rate, 4, 1, 1.04)),
  }
}

/** @param stretch how much later than on the other sides the echoes come */
function tail(rate: number, seed: number, share: number, stretch: number): Float32Array {
  const response = new Float32Array(Math.ceil(ROOM_SECONDS * rate))
  const random = noise(seed)
  const fall = Math.log(1000) / DECAY_SECONDS
  const fadeFrom = ROOM_SECONDS - FADE_SECONDS
  let low = 0
  for (let i = Math.ceil(PREDELAY_SECONDS * rate); i < response.length; i += 1) {
    const seconds = i / rate
    const cutoff = DULL_HZ + (BRIGHT_HZ - DULL_HZ) * Math.exp(-2.5 * seconds)
    low += (1 - Math.exp((-2 * Math.PI * cutoff) / rate)) * (random() - low)
    const fade = seconds < fadeFrom ? 1 : 0.5 + 0.5 * Math.cos((Math.PI * (seconds - fadeFrom)) / FADE_SECONDS)
    response[i] = low * Math.exp(-fall * seconds) * fade
  }
  const noiseLevel = rootOfEnergy(response)
  for (const [seconds, level] of ECHOES) {
    const at = Math.round(stretch * seconds * rate)
    response[at] = (response[at] as number) + level * noiseLevel
  }
  const gain = (share * WET) / rootOfEnergy(response)
  for (let i = 0; i < response.length; i += 1) response[i] = (response[i] as number) * gain
  return response
}

function rootOfEnergy(response: Float32Array): number {
  return Math.sqrt(response.reduce((energy, level) => energy + level * level, 0))
}
