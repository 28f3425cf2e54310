import { PipeError, type ReaderSync, readAtLeastSync } from 'threadpipe'
import { BLOCK_FRAMES, type Block, type Source } from './block.ts'
import { type Coding, SAMPLE_BYTES, type WavFormat } from './wav-header.ts'

const FULL_SCALE: Readonly<Record<Coding, number>> = {
  int16: 2 ** 15,
  int24: 2 ** 23,
  int32: 2 ** 31,
  float32: 1,
}

/** Floats far beyond full scale are no sound: a file of another kind, or a broken one. */
const MAX_LEVEL = 2 ** 15

/** The sound of a WAV file, whose header has been read. A single channel goes to both sides. */
export function wavSamples(source: ReaderSync, { coding, channels, frames }: WavFormat): Source {
  const sampleBytes = SAMPLE_BYTES[coding]
  const frameBytes = channels * sampleBytes
  const bytes = new Uint8Array(BLOCK_FRAMES * frameBytes)
  const view = new DataView(bytes.buffer)
  let done = 0

  /** Reads the frames of the next block. @returns how many there are */
  const readFrames = (): number => {
    const wanted = Math.min(BLOCK_FRAMES, frames === null ? BLOCK_FRAMES : frames - done)
    if (wanted === 0) return 0
    const got = fill(source, bytes.subarray(0, wanted * frameBytes))
    const whole = Math.floor(got / frameBytes)
    if (frames !== null && whole < wanted) throw new Error(`it ends after ${done + whole} of its ${frames} frames`)
    if (got % frameBytes !== 0) throw new Error(`it ends within its frame ${done + whole}`)
    return whole
  }

  return {
    next({ left, right }) {
      const n = readFrames()
      if (n === 0) return false
      decode(view, coding, 0, frameBytes, left.subarray(0, n))
      decode(view, coding, (channels - 1) * sampleBytes, frameBytes, right.subarray(0, n))
      if (coding === 'float32') checkLevels(left.subarray(0, n), right.subarray(0, n), done)
      left.fill(0, n)
      right.fill(0, n)
      done += n
      return true
    },
  }
}

function decode(view: DataView, coding: Coding, from: number, frameBytes: number, channel: Float32Array): void {
  const scale = 1 / FULL_SCALE[coding]
  let at = from
  switch (coding) {
    case 'int16':
      for (let i = 0; i < channel.length; i += 1, at += frameBytes) channel[i] = view.getInt16(at, true) * scale
      return
    case 'int24':
      for (let i = 0; i < channel.length; i += 1, at += frameBytes) {
        channel[i] = ((view.getInt8(at + 2) << 16) | view.getUint16(at, true)) * scale
      }
      return
    case 'int32':
      for (let i = 0; i < channel.length; i += 1, at += frameBytes) channel[i] = view.getInt32(at, true) * scale
      return
    case 'float32':
      for (let i = 0; i < channel.length; i += 1, at += frameBytes) channel[i] = view.getFloat32(at, true)
      return
  }
}

function checkLevels(left: Float32Array, right: Float32Array, first: number): void {
  for (let i = 0; i < left.length; i += 1) {
    for (const level of [left[i] as number, right[i] as number]) {
      // Not a number is neither.
      if (!(Math.abs(level) <= MAX_LEVEL)) throw new Error(`its frame ${first + i} has the level ${level}`)
    }
  }
}

/** Reads until the target is full or the source at its end. @returns bytes */
function fill(source: ReaderSync, target: Uint8Array): number {
  try {
    return readAtLeastSync(source, target, target.length) ?? 0
  } catch (error) {
    if (error instanceof PipeError && error.code === 'ERR_PIPE_UNEXPECTED_EOF') return error.bytesRead ?? 0
    throw error
  }
}

/** What 16-bit samples of a block take, in bytes. */
export const ENCODED_BYTES = 2 * BLOCK_FRAMES * SAMPLE_BYTES.int16

/** The most that a 16-bit sample can be. */
const [LOWEST, HIGHEST] = [-(2 ** 15), 2 ** 15 - 1]

/**
 * Makes 16-bit samples of blocks. Each is dithered before it is rounded: two random numbers of half a step each turn the error of rounding
 * from a distortion into an even hiss. They are the same each time.
 */
export function wavSamplesOf(): (block: Block, bytes: Uint8Array) => void {
  let state = 1
  /** @returns -0.5 to 0.5 */
  const random = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    return state * 2 ** -32
  }
  return ({ left, right }, bytes) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, ENCODED_BYTES)
    const encode = (level: number): number => {
      const sample = Math.round(level * FULL_SCALE.int16 + random() + random())
      return Math.min(HIGHEST, Math.max(LOWEST, sample))
    }
    for (let i = 0, at = 0; i < BLOCK_FRAMES; i += 1, at += 4) {
      view.setInt16(at, encode(left[i] as number), true)
      view.setInt16(at + 2, encode(right[i] as number), true)
    }
  }
}
