import { describe, expect, test } from 'vitest'
import { BLOCK_FRAMES, newBlock } from '../../workers/media/block.ts'
import { colorOf } from '../../workers/media/colors.ts'
import { type Spectrogram, SpectrogramMeter } from '../../workers/media/spectrogram.ts'

const RATE = 48_000

function spectrogramOf(blocks: number, level: (frame: number) => number): Spectrogram {
  const meter = new SpectrogramMeter(RATE)
  const block = newBlock()
  for (let i = 0; i < blocks; i += 1) {
    block.left.forEach((_, frame) => {
      block.left[frame] = level(i * BLOCK_FRAMES + frame)
      block.right[frame] = block.left[frame] as number
    })
    meter.add(block)
  }
  return meter.result()
}

const sine =
  (hz: number, level: number) =>
  (frame: number): number =>
    level * Math.sin((2 * Math.PI * hz * frame) / RATE)

/** The power of each band at some time. */
function columnAt({ bands, powers, startSeconds, secondsPerColumn }: Spectrogram, seconds: number): Float32Array {
  const column = Math.floor((seconds - startSeconds) / secondsPerColumn)
  return powers.subarray(column * bands.length, (column + 1) * bands.length)
}

const loudest = (column: Float32Array): number => column.indexOf(Math.max(...column))
const decibels = (power: number): number => 10 * Math.log10(power)

describe('the spectrogram', () => {
  test.each([60, 440, 1000, 5000, 15_000])('shows a sine of %d Hz where it is, and how loud', (hz) => {
    const spectrogram = spectrogramOf(6, sine(hz, 0.1))
    const column = columnAt(spectrogram, 0.5)
    const band = loudest(column)
    // A bin is 12 Hz wide, a band 1.6 %.
    expect(Math.abs((spectrogram.bands[band] as number) - hz)).toBeLessThan(12 + 0.02 * hz)
    // Hann's window takes up to 1.4 dB from what lies between two bins, and bands of low notes as much.
    expect(decibels(column[band] as number)).toBeLessThan(-19.9)
    expect(decibels(column[band] as number)).toBeGreaterThan(-22.5)
    const far = spectrogram.bands.findIndex((middle) => middle > 3 * hz || middle < hz / 4)
    expect(decibels(column[far] as number)).toBeLessThan(-90)
  })

  test('shows when it was', () => {
    const spectrogram = spectrogramOf(12, (frame) => (frame < RATE ? sine(500, 1)(frame) : sine(3000, 1)(frame)))
    for (const [seconds, hz] of [
      [0.5, 500],
      [0.94, 500],
      [1.06, 3000],
      [1.5, 3000],
    ] as const) {
      const found = spectrogram.bands[loudest(columnAt(spectrogram, seconds))] as number
      expect(Math.abs(found - hz)).toBeLessThan(0.03 * hz)
    }
  })

  test('is as wide for long sound as for short', () => {
    const blocks = 400
    const half = (blocks / 2) * BLOCK_FRAMES
    const spectrogram = spectrogramOf(blocks, (frame) => (frame < half ? sine(400, 1)(frame) : sine(4000, 1)(frame)))
    const { columns, secondsPerColumn, powers, bands } = spectrogram
    expect(columns).toBeGreaterThan(1000)
    expect(columns).toBeLessThanOrEqual(2400)
    expect(powers.length).toBe(columns * bands.length)
    expect(columns * secondsPerColumn).toBeCloseTo((blocks * BLOCK_FRAMES) / RATE, 0)
    const change = half / RATE
    for (const [seconds, hz] of [
      [1, 400],
      [change - 0.1, 400],
      [change + 0.1, 4000],
      [2 * change - 0.2, 4000],
    ] as const) {
      const found = bands[loudest(columnAt(spectrogram, seconds))] as number
      expect(Math.abs(found - hz)).toBeLessThan(0.03 * hz)
    }
  })

  test('silence has no power', () => {
    expect(Math.max(...spectrogramOf(1, () => 0).powers)).toBe(0)
  })
})

test('colours go from dark to bright, and stay within their ends', () => {
  const brightness = (share: number): number => colorOf(share).reduce((sum, value) => sum + value, 0)
  for (let i = 1; i <= 20; i += 1) expect(brightness(i / 20)).toBeGreaterThan(brightness((i - 1) / 20))
  expect(colorOf(-1)).toEqual(colorOf(0))
  expect(colorOf(2)).toEqual(colorOf(1))
})
