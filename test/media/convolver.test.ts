import { describe, expect, test } from 'vitest'
import { BLOCK_FRAMES, newBlock } from '../../workers/media/block.ts'
import { Convolver } from '../../workers/media/convolver.ts'
import { noise } from '../../workers/media/noise.ts'
import { ROOM_SECONDS, room } from '../../workers/media/room.ts'

function noiseOf(seed: number, length: number): Float32Array {
  const random = noise(seed)
  return Float32Array.from({ length }, random)
}

const SILENCE = new Float32Array(1)

/** What a convolver makes of two channels of whole blocks. */
function convolve(convolver: Convolver, left: Float32Array, right: Float32Array) {
  const [from, to] = [newBlock(), newBlock()]
  const result = { left: new Float32Array(left.length), right: new Float32Array(left.length) }
  for (let at = 0; at < left.length; at += BLOCK_FRAMES) {
    from.left.set(left.subarray(at, at + BLOCK_FRAMES))
    from.right.set(right.subarray(at, at + BLOCK_FRAMES))
    convolver.process(from, to)
    result.left.set(to.left, at)
    result.right.set(to.right, at)
  }
  return result
}

/** One frame of a convolution, by its definition. */
function frameOf(signal: Float32Array, response: Float32Array, frame: number): number {
  let sum = 0
  for (let i = Math.max(0, frame - response.length + 1); i <= frame; i += 1) {
    sum += (signal[i] as number) * (response[frame - i] as number)
  }
  return sum
}

describe('the convolver', () => {
  test('gives what the definition of convolution does, within blocks and across their borders', () => {
    const length = 4 * BLOCK_FRAMES
    const [left, right] = [noiseOf(1, length), noiseOf(2, length)]
    const responses = {
      leftToLeft: noiseOf(3, 2 * BLOCK_FRAMES + 777),
      leftToRight: noiseOf(4, 1000),
      rightToLeft: noiseOf(5, BLOCK_FRAMES),
      rightToRight: noiseOf(6, 3 * BLOCK_FRAMES),
    }
    const made = convolve(new Convolver(responses), left, right)
    const borders = [1, 2, 3].flatMap((block) => [-2, -1, 0, 1].map((i) => block * BLOCK_FRAMES + i))
    const spread = Array.from({ length: 60 }, (_, i) => (i * 7919) % length)
    for (const frame of [0, 1, ...borders, ...spread, length - 1]) {
      const { leftToLeft, leftToRight, rightToLeft, rightToRight } = responses
      const expected = {
        left: frameOf(left, leftToLeft, frame) + frameOf(right, rightToLeft, frame),
        right: frameOf(left, leftToRight, frame) + frameOf(right, rightToRight, frame),
      }
      // The sums are of some ten thousand products, and about a hundred large.
      expect(Math.abs((made.left[frame] as number) - expected.left)).toBeLessThan(1e-3)
      expect(Math.abs((made.right[frame] as number) - expected.right)).toBeLessThan(1e-3)
    }
  })

  test('an impulse comes out as the response, on the side it goes to', () => {
    const impulse = new Float32Array(2 * BLOCK_FRAMES)
    impulse[5] = 1
    const response = noiseOf(7, BLOCK_FRAMES + 10)
    const convolver = new Convolver({
      leftToLeft: SILENCE,
      leftToRight: response,
      rightToLeft: SILENCE,
      rightToRight: SILENCE,
    })
    const made = convolve(convolver, impulse, new Float32Array(impulse.length))
    expect(Math.max(...made.left.map(Math.abs))).toBe(0)
    const worst = response.reduce(
      (most, level, i) => Math.max(most, Math.abs((made.right[5 + i] as number) - level)),
      0,
    )
    expect(worst).toBeLessThan(1e-6)
  })
})

describe('the room', () => {
  const rate = 16_000
  const responses = room(rate)
  const energyOf = (response: Float32Array, from: number, to: number): number =>
    response.subarray(from * rate, to * rate).reduce((sum, level) => sum + level * level, 0)

  test('is the same each time, and sounds first as the sound itself', () => {
    expect(room(rate)).toEqual(responses)
    expect(responses.leftToLeft[0]).toBe(1)
    expect(responses.leftToRight[0]).toBe(0)
    expect(responses.leftToLeft.length).toBe(ROOM_SECONDS * rate)
  })

  test.each(Object.entries(responses))('%s dies away, to nothing', (_, response) => {
    const [first, second, third] = [0.1, 0.6, 1.1].map((from) => energyOf(response, from, from + 0.5)) as [
      number,
      number,
      number,
    ]
    // 60 dB in 2.3 s are 13 dB in half a second; the high notes go faster.
    for (const ratio of [first / second, second / third]) {
      expect(10 * Math.log10(ratio)).toBeGreaterThan(12)
      expect(10 * Math.log10(ratio)).toBeLessThan(22)
    }
    expect(Math.abs(response.at(-1) as number)).toBeLessThan(1e-7)
  })
})
