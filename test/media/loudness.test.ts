import { describe, expect, test } from 'vitest'
import { BLOCK_FRAMES, type Block, newBlock } from '../../workers/media/block.ts'
import { limit } from '../../workers/media/limiter.ts'
import { earFactors, headFactors, type Loudness, LoudnessMeter } from '../../workers/media/loudness.ts'
import { PeakMeter } from '../../workers/media/true-peak.ts'

interface Sound {
  rate?: number
  seconds: number
  left?: (seconds: number) => number
  right?: (seconds: number) => number
}

/** Gives a sound to meters, in blocks. */
function play({ rate = 48_000, seconds, left = () => 0, right = () => 0 }: Sound, add: (block: Block) => void): void {
  const block = newBlock()
  for (let from = 0; from < seconds * rate; from += BLOCK_FRAMES) {
    for (let i = 0; i < BLOCK_FRAMES; i += 1) {
      const time = (from + i) / rate
      block.left[i] = time < seconds ? left(time) : 0
      block.right[i] = time < seconds ? right(time) : 0
    }
    add(block)
  }
}

function loudnessOf(sound: Sound): Loudness {
  const meter = new LoudnessMeter(sound.rate ?? 48_000)
  play(sound, (block) => meter.add(block))
  return meter.result()
}

const sine =
  (hz: number, level: number) =>
  (time: number): number =>
    level * Math.sin(2 * Math.PI * hz * time)

describe('loudness', () => {
  test.each([
    [48_000, 0.005],
    // The filters are those of the standard at 48 kHz only; at others they differ by some hundredths at this pitch.
    [44_100, 0.03],
    [96_000, 0.03],
    [192_000, 0.03],
  ])('997 Hz at full scale on one channel are -3.01 LKFS, at %d frames a second', (rate, tolerance) => {
    const seconds = (Math.ceil((8 * rate) / BLOCK_FRAMES) * BLOCK_FRAMES) / rate
    const tone = sine(997, 1)
    const [left, right] = [loudnessOf({ rate, seconds, left: tone }), loudnessOf({ rate, seconds, right: tone })]
    expect(Math.abs(left.integrated + 3.01)).toBeLessThan(tolerance)
    expect(right).toEqual(left)
    const both = loudnessOf({ rate, seconds, left: tone, right: tone })
    expect(both.integrated - left.integrated).toBeCloseTo(3.01, 3)
  })

  test('the factors at 48 kHz are those of the standard', () => {
    const head = headFactors(48_000)
    const table = [1.53512485958697, -2.69169618940638, 1.19839281085285, -1.69065929318241, 0.73248077421585]
    ;[head.b0, head.b1, head.b2, head.a1, head.a2].forEach((factor, i) => {
      expect(factor).toBeCloseTo(table[i] as number, 9)
    })
    const ear = earFactors(48_000)
    expect([ear.b0, ear.b1, ear.b2]).toEqual([1, -2, 1])
    expect(ear.a1).toBeCloseTo(-1.99004745483398, 9)
    expect(ear.a2).toBeCloseTo(0.99007225036621, 9)
  })

  test('-23 LUFS are -23 LUFS, whatever quiet sound there is beside it, and silence', () => {
    // The third case of EBU Tech 3341, with some silence.
    const [loud, quiet] = [sine(1000, 10 ** (-23 / 20)), sine(1000, 10 ** (-36 / 20))]
    const tone = (time: number): number => {
      if (time < 2 || time > 82) return 0
      return (time < 12 || time > 72 ? quiet : loud)(time)
    }
    expect(Math.abs(loudnessOf({ seconds: 84, left: tone, right: tone }).integrated + 23)).toBeLessThan(0.1)
  })

  test('silence has none, nor has what is shorter than 400 ms', () => {
    expect(loudnessOf({ seconds: 2 }).integrated).toBe(-Infinity)
    const meter = new LoudnessMeter(192_000)
    play({ rate: 192_000, seconds: 0.3, left: sine(997, 1) }, (block) => meter.add(block))
    expect(meter.result()).toEqual({ integrated: -Infinity, momentary: new Float32Array(0) })
  })

  test('it is told for each tenth of a second', () => {
    const { momentary } = loudnessOf({
      seconds: (12 * BLOCK_FRAMES) / 48_000,
      left: (t) => (t < 1 ? sine(997, 1)(t) : 0),
    })
    expect(momentary.length).toBe(17)
    expect(momentary[5]).toBeCloseTo(-3.01, 2)
    expect(momentary[16]).toBeLessThan(-60)
  })
})

describe('the true peak', () => {
  test('is found between the samples', () => {
    const meter = new PeakMeter()
    // A quarter of the rate, an eighth of a turn late: each sample is 3 dB below the top.
    const late = (time: number): number => Math.sin(2 * Math.PI * 12_000 * time + Math.PI / 4)
    // Faded in, for it is no sudden thing.
    play({ seconds: 0.5, right: (time) => Math.min(1, 10 * time) * late(time) }, (block) => meter.add(block))
    expect(20 * Math.log10(meter.result())).toBeGreaterThan(-0.1)
    expect(20 * Math.log10(meter.result())).toBeLessThan(0.3)
  })

  test('is that of the samples, where they hold it', () => {
    const meter = new PeakMeter()
    play({ seconds: 0.2, left: sine(100, 0.5) }, (block) => meter.add(block))
    expect(meter.result()).toBeCloseTo(0.5, 3)
  })
})

describe('the limiter', () => {
  test('leaves alone what is not loud, and keeps the rest below -1 dB, in order', () => {
    const [from, to] = [newBlock(), newBlock()]
    const levelAt = (i: number): number => (i / BLOCK_FRAMES) * 8 - 4
    from.left.forEach((_, i) => {
      from.left[i] = levelAt(i)
      from.right[i] = -levelAt(i)
    })
    limit(from, to)
    const ceiling = 10 ** (-1 / 20)
    let before = -Infinity
    to.left.forEach((level, i) => {
      if (Math.abs(levelAt(i)) <= 0.7) expect(level).toBe(from.left[i])
      expect(Math.abs(level)).toBeLessThanOrEqual(ceiling)
      expect(level).toBeGreaterThanOrEqual(before)
      expect(to.right[i]).toBe(-level)
      before = level
    })
  })
})
