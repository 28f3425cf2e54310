import { type ReaderSync, readAllSync } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { BLOCK_FRAMES, newBlock } from '../../workers/media/block.ts'
import { Encoder } from '../../workers/media/encoder.ts'
import {
  type Coding,
  readWavHeader,
  SAMPLE_BYTES,
  UnreadCodingError,
  wavHeader,
} from '../../workers/media/wav-header.ts'
import { ENCODED_BYTES, wavSamples } from '../../workers/media/wav-samples.ts'

/** Gives bytes a few at a time, as a pipe may. */
function readerOf(bytes: Uint8Array, most = 1000): ReaderSync {
  let at = 0
  return {
    readSync(target) {
      if (at === bytes.length) return null
      const n = Math.min(most, target.length, bytes.length - at)
      target.set(bytes.subarray(at, at + n))
      at += n
      return n
    },
  }
}

function chunk(name: string, body: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head.write(name)
  head.writeUInt32LE(body.length, 4)
  return Buffer.concat([head, body, Buffer.alloc(body.length % 2)])
}

function riff(...chunks: Buffer[]): Buffer {
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), ...chunks]))
}

interface Format {
  code: number
  channels: number
  rate: number
  frameBytes: number
  bits: number
}

function format({ code, channels, rate, frameBytes, bits }: Format, rest = Buffer.alloc(0)): Buffer {
  const body = Buffer.alloc(16)
  body.writeUInt16LE(code, 0)
  body.writeUInt16LE(channels, 2)
  body.writeUInt32LE(rate, 4)
  body.writeUInt32LE(rate * frameBytes, 8)
  body.writeUInt16LE(frameBytes, 12)
  body.writeUInt16LE(bits, 14)
  return chunk('fmt ', Buffer.concat([body, rest]))
}

const PLAIN: Format = { code: 1, channels: 2, rate: 44_100, frameBytes: 4, bits: 16 }

/** The levels that a file holds, of both channels. */
function levelsOf(file: Uint8Array): { left: number[]; right: number[] } {
  const reader = readerOf(file)
  const header = readWavHeader(reader)
  const source = wavSamples(reader, header)
  const [left, right]: [number[], number[]] = [[], []]
  for (const block = newBlock(); source.next(block); ) {
    left.push(...block.left)
    right.push(...block.right)
  }
  return { left, right }
}

describe('a WAV file is read', () => {
  const encodings: Record<Coding, [code: number, bytes: (level: number) => Buffer]> = {
    int16: [1, (level) => Buffer.from(Int16Array.of(level * 2 ** 15).buffer)],
    int24: [1, (level) => Buffer.from(Int32Array.of(level * 2 ** 23).buffer).subarray(0, 3)],
    int32: [1, (level) => Buffer.from(Int32Array.of(level * 2 ** 31).buffer)],
    float32: [3, (level) => Buffer.from(Float32Array.of(level).buffer)],
  }
  const levels = [0, 0.5, -0.5, -1, 0.25, 2 ** -15, -(2 ** -15)]

  test.each(Object.keys(encodings) as Coding[])('%s, of one channel and of two', (coding) => {
    const [code, bytesOf] = encodings[coding]
    const bits = 8 * SAMPLE_BYTES[coding]
    const mono = riff(
      format({ code, channels: 1, rate: 48_000, frameBytes: bits / 8, bits }),
      chunk('data', Buffer.concat(levels.map(bytesOf))),
    )
    const stereo = riff(
      format({ code, channels: 2, rate: 48_000, frameBytes: bits / 4, bits }),
      chunk('data', Buffer.concat(levels.flatMap((level) => [bytesOf(level), bytesOf(-level / 2)]))),
    )
    const padded = (expected: number[]): number[] => [...expected, ...Array(BLOCK_FRAMES - expected.length).fill(0)]
    const heard = levelsOf(mono)
    expect(heard.left).toEqual(padded(levels))
    expect(heard.right).toEqual(heard.left)
    const { left, right } = levelsOf(stereo)
    expect(left).toEqual(padded(levels))
    const halves = levels.map((level) => -level / 2)
    right.forEach((level, i) => {
      expect(level).toBeCloseTo(halves[i] ?? 0, 4)
    })
  })

  test('in the extensible format, after chunks of other kinds, one of an odd length', () => {
    const rest = Buffer.alloc(24)
    rest.writeUInt16LE(22, 0)
    rest.writeUInt16LE(1, 8)
    Buffer.from('000000001000800000aa00389b71', 'hex').copy(rest, 10)
    const file = riff(
      chunk('LIST', Buffer.from('abc')),
      format({ ...PLAIN, code: 0xfffe }, rest),
      chunk('fact', Buffer.alloc(4)),
      chunk('data', Buffer.from(Int16Array.of(2 ** 14, -(2 ** 14)).buffer)),
    )
    expect(readWavHeader(readerOf(file, 1))).toEqual({ coding: 'int16', channels: 2, rate: 44_100, frames: 1 })
    expect(levelsOf(file).left[0]).toBe(0.5)
    expect(levelsOf(file).right[0]).toBe(-0.5)
  })

  test('whose length was not known when it was begun', () => {
    const file = riff(format(PLAIN), chunk('data', Buffer.alloc(40)))
    file.writeUInt32LE(0xffff_ffff, file.length - 44)
    expect(readWavHeader(readerOf(file)).frames).toBe(null)
    expect(levelsOf(file).left.length).toBe(BLOCK_FRAMES)
  })
})

describe('what is wrong with a WAV file is said', () => {
  const sound = chunk('data', Buffer.alloc(40))
  const truncated = riff(format(PLAIN), sound)
  test.each([
    ['an empty one', Buffer.alloc(0), 'it ends within its header'],
    ['text', Buffer.from('a line of text, and some more'), 'it is no WAV file: it begins with "a li", "f te"'],
    ['no format', riff(sound), 'its sound comes before its format'],
    ['no sound', riff(format(PLAIN)), 'it ends within its sound'],
    ['an end within the format', riff(format(PLAIN)).subarray(0, 30), 'it ends within its format'],
    ['a short format', riff(chunk('fmt ', Buffer.alloc(14)), sound), 'its format has 14 bytes, of at least 16'],
    ['a format without end', riff(chunk('fmt ', Buffer.alloc(2000))), 'its format has 2000 bytes, of at most 1024'],
    ['frames of a wrong length', riff(format({ ...PLAIN, frameBytes: 3 }), sound), '3 bytes, and 2 × 16 bits are 4'],
    ['half a frame', riff(format(PLAIN), chunk('data', Buffer.alloc(41))), '41 bytes, which are no whole frames of 4'],
    ['fewer frames than said', truncated.subarray(0, truncated.length - 9), 'it ends after 7 of its 10 frames'],
  ])('%s', (_, file, words) => {
    expect(() => levelsOf(file)).toThrow(words)
  })

  test.each([
    ['8 bits', { ...PLAIN, frameBytes: 2, bits: 8 }, 'its samples have 8 bits, not 16, 24 or 32'],
    ['64-bit floats', { ...PLAIN, code: 3, bits: 64 }, 'its samples are floats of 64 bits, not 32'],
    ['MP3', { ...PLAIN, code: 85 }, 'its samples are coded as MP3, which is not read'],
    ['a coding nobody knows', { ...PLAIN, code: 1234 }, 'coded as format 1234'],
    ['6 channels', { ...PLAIN, channels: 6 }, 'it has 6 channels, not 1 or 2'],
    ['no channel', { ...PLAIN, channels: 0 }, 'it has 0 channels'],
    ['a rate of 1', { ...PLAIN, rate: 1 }, 'it has 1 frames a second, not 8000 to 192000'],
  ])('%s, which others may read', (_, wrong, words) => {
    const read = (): unknown => readWavHeader(readerOf(riff(format(wrong), sound)))
    expect(read).toThrow(words)
    expect(read).toThrow(UnreadCodingError)
  })

  test.each([Number.NaN, Infinity, 1e30])('a float of %d', (level) => {
    const data = Buffer.from(Float32Array.of(0, 0, 0.5, level).buffer)
    const file = riff(format({ ...PLAIN, code: 3, frameBytes: 8, bits: 32 }), chunk('data', data))
    expect(() => levelsOf(file)).toThrow(/its frame 1 has the level (NaN|Infinity|1\.0+\d*e\+30)/)
  })
})

describe('a WAV file is written', () => {
  test('it reads as what it was made of, to within the dither', () => {
    const frames = 2 * BLOCK_FRAMES
    const encoder = new Encoder({ rate: 48_000, frames })
    const block = newBlock()
    const pieces = [Buffer.from(encoder.header)]
    const expected: number[] = []
    for (let i = 0; i < 2; i += 1) {
      block.left.forEach((_, frame) => {
        block.left[frame] = 0.9 * Math.sin(frame / 7 + i)
        block.right[frame] = -0.4 * Math.cos(frame / 5 + i)
      })
      expected.push(...block.left)
      const bytes = Buffer.alloc(ENCODED_BYTES)
      encoder.encode(block, bytes)
      pieces.push(bytes)
    }
    const file = Buffer.concat(pieces)
    expect(readWavHeader(readerOf(file))).toEqual({ coding: 'int16', channels: 2, rate: 48_000, frames })
    const worst = levelsOf(file).left.reduce((most, level, i) => {
      return Math.max(most, Math.abs(level - (expected[i] as number)))
    }, 0)
    // Half a step of rounding, and one of dither.
    expect(worst).toBeLessThanOrEqual(1.5 / 2 ** 15 + 1e-7)
    expect(worst).toBeGreaterThan(0.5 / 2 ** 15)
    expect(encoder.result().frames).toBe(frames)
  })

  test('what is too loud is cut off, not turned over', () => {
    const encoder = new Encoder({ rate: 48_000, frames: null })
    const block = newBlock()
    block.left.fill(1.5)
    block.right.fill(-1.5)
    const bytes = Buffer.alloc(ENCODED_BYTES)
    encoder.encode(block, bytes)
    expect([bytes.readInt16LE(0), bytes.readInt16LE(2)]).toEqual([32_767, -32_768])
  })

  test('no header for more than a WAV file holds', () => {
    const huge = { coding: 'int16', channels: 2, rate: 48_000, frames: 2 ** 30 } as const
    expect(() => wavHeader(huge)).toThrow(/less than 4 GiB, which 1073741824 frames of 4 bytes are not/)
    expect(readAllSync(readerOf(wavHeader({ ...huge, frames: 2 ** 29 }))).length).toBe(44)
  })
})
