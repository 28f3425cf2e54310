import { readSync } from 'node:fs'
import { PipeError, type ReaderSync, readFullSync } from 'threadpipe'

/** How samples are stored. */
export type Coding = 'int16' | 'int24' | 'int32' | 'float32'

export interface WavFormat {
  coding: Coding
  channels: 1 | 2
  /** frames a second */
  rate: number
  /** A frame is one sample of each channel; null where the header was written before that was known. */
  frames: number | null
}

export const SAMPLE_BYTES: Readonly<Record<Coding, number>> = { int16: 2, int24: 3, int32: 4, float32: 4 }

const [MIN_RATE, MAX_RATE] = [8000, 192_000]
/** The last two are for files of more than 4 GiB, and for numbers the other way round. */
const CONTAINERS = ['RIFF', 'RF64', 'RIFX']
const [PCM, IEEE_FLOAT, EXTENSIBLE] = [0x0001, 0x0003, 0xfffe]
const OTHER_FORMATS: Readonly<Record<number, string>> = {
  2: 'Microsoft ADPCM',
  6: 'A-law',
  7: 'µ-law',
  17: 'IMA ADPCM',
  80: 'MPEG audio',
  85: 'MP3',
}
/** What follows the format's number in the identity of a WAVE_FORMAT_EXTENSIBLE sub-format. */
const SUBFORMAT_TAIL = '000000001000800000aa00389b71'
/** Headers that were written before the length was known have this. */
const UNKNOWN_BYTES = 0xffff_ffff
/** Longer than any real one: a chunk of a format is 16, 18 or 40 bytes. */
const MAX_FORMAT_BYTES = 1024

const HEADER_BYTES = 44

/** A sound WAV file of a kind that is not read here, but may be by others. */
export class UnreadCodingError extends Error {}

/** Whether a file begins as one with a WAV header. The file is left at its start. */
export function isWav(file: number): boolean {
  const start = new Uint8Array(12)
  const n = readSync(file, start, 0, start.length, 0)
  return n === start.length && CONTAINERS.includes(textAt(start, 0)) && textAt(start, 8) === 'WAVE'
}

/**
 * Reads the header of a WAV file, up to its first sample: PCM of 16, 24 or 32 bits and 32-bit float, one or two channels,
 * WAVE_FORMAT_EXTENSIBLE too.
 *
 * @throws Error that says what is wrong with it
 */
export function readWavHeader(source: ReaderSync): WavFormat {
  const riff = read(source, 12, 'its header')
  const [outer, inner] = [textAt(riff, 0), textAt(riff, 8)]
  if (!CONTAINERS.includes(outer) || inner !== 'WAVE') {
    throw new Error(`it is no WAV file: it begins with ${JSON.stringify(outer)}, ${JSON.stringify(inner)}`)
  }
  if (outer !== 'RIFF') throw new UnreadCodingError(`it is an ${outer} file, not a RIFF one`)
  let format: Omit<WavFormat, 'frames'> | undefined
  for (;;) {
    const chunk = read(source, 8, format === undefined ? 'its format' : 'its sound')
    const [name, bytes] = [textAt(chunk, 0), viewOf(chunk).getUint32(4, true)]
    if (name === 'data') {
      if (format === undefined) throw new Error('its sound comes before its format')
      return { ...format, frames: framesOf(bytes, format) }
    }
    // A chunk of an odd length is padded.
    const padded = bytes + (bytes % 2)
    if (name === 'fmt ') {
      if (bytes > MAX_FORMAT_BYTES) throw new Error(`its format has ${bytes} bytes, of at most ${MAX_FORMAT_BYTES}`)
      format = parseFormat(read(source, padded, 'its format').subarray(0, bytes))
    } else {
      skip(source, padded, `its chunk ${JSON.stringify(name)}`)
    }
  }
}

/** The header of a WAV file. */
export function wavHeader({ coding, channels, rate, frames }: WavFormat): Uint8Array {
  const frameBytes = channels * SAMPLE_BYTES[coding]
  const bytes = frames === null ? UNKNOWN_BYTES : frames * frameBytes
  if (frames !== null && HEADER_BYTES + bytes > UNKNOWN_BYTES) {
    throw new RangeError(`A WAV file holds less than 4 GiB, which ${frames} frames of ${frameBytes} bytes are not`)
  }
  const header = new Uint8Array(HEADER_BYTES)
  const view = viewOf(header)
  const put = (at: number, text: string): void => void new TextEncoder().encodeInto(text, header.subarray(at))
  put(0, 'RIFF')
  view.setUint32(4, frames === null ? UNKNOWN_BYTES : HEADER_BYTES - 8 + bytes, true)
  put(8, 'WAVEfmt ')
  view.setUint32(16, 16, true)
  view.setUint16(20, coding === 'float32' ? IEEE_FLOAT : PCM, true)
  view.setUint16(22, channels, true)
  view.setUint32(24, rate, true)
  view.setUint32(28, rate * frameBytes, true)
  view.setUint16(32, frameBytes, true)
  view.setUint16(34, 8 * SAMPLE_BYTES[coding], true)
  put(36, 'data')
  view.setUint32(40, bytes, true)
  return header
}

function parseFormat(chunk: Uint8Array): Omit<WavFormat, 'frames'> {
  if (chunk.length < 16) throw new Error(`its format has ${chunk.length} bytes, of at least 16`)
  const view = viewOf(chunk)
  let code = view.getUint16(0, true)
  const [channels, rate] = [view.getUint16(2, true), view.getUint32(4, true)]
  const [frameBytes, bits] = [view.getUint16(12, true), view.getUint16(14, true)]
  if (code === EXTENSIBLE) {
    if (chunk.length < 40) throw new Error(`its extensible format has ${chunk.length} bytes, of at least 40`)
    code = view.getUint16(24, true)
    const tail = Buffer.from(chunk.subarray(26, 40)).toString('hex')
    if (tail !== SUBFORMAT_TAIL) throw new UnreadCodingError(`its sub-format ${tail} is not known`)
  }
  const coding = codingOf(code, bits)
  if (channels !== 1 && channels !== 2) throw new UnreadCodingError(`it has ${channels} channels, not 1 or 2`)
  if (rate < MIN_RATE || rate > MAX_RATE) {
    throw new UnreadCodingError(`it has ${rate} frames a second, not ${MIN_RATE} to ${MAX_RATE}`)
  }
  const expected = channels * SAMPLE_BYTES[coding]
  if (frameBytes !== expected) {
    throw new Error(`its frames are said to have ${frameBytes} bytes, and ${channels} × ${bits} bits are ${expected}`)
  }
  return { coding, channels, rate }
}

function codingOf(code: number, bits: number): Coding {
  if (code === PCM && bits === 16) return 'int16'
  if (code === PCM && bits === 24) return 'int24'
  if (code === PCM && bits === 32) return 'int32'
  if (code === IEEE_FLOAT && bits === 32) return 'float32'
  if (code === PCM) throw new UnreadCodingError(`its samples have ${bits} bits, not 16, 24 or 32`)
  if (code === IEEE_FLOAT) throw new UnreadCodingError(`its samples are floats of ${bits} bits, not 32`)
  throw new UnreadCodingError(`its samples are coded as ${OTHER_FORMATS[code] ?? `format ${code}`}, which is not read`)
}

function framesOf(bytes: number, { channels, coding }: Omit<WavFormat, 'frames'>): number | null {
  if (bytes === UNKNOWN_BYTES) return null
  const frameBytes = channels * SAMPLE_BYTES[coding]
  if (bytes % frameBytes !== 0)
    throw new Error(`its sound has ${bytes} bytes, which are no whole frames of ${frameBytes}`)
  return bytes / frameBytes
}

function read(source: ReaderSync, bytes: number, what: string): Uint8Array {
  const chunk = new Uint8Array(bytes)
  try {
    if (readFullSync(source, chunk) !== null || bytes === 0) return chunk
  } catch (error) {
    if (!(error instanceof PipeError && error.code === 'ERR_PIPE_UNEXPECTED_EOF')) throw error
  }
  throw new Error(`it ends within ${what}`)
}

function skip(source: ReaderSync, bytes: number, what: string): void {
  const piece = 64 * 1024
  for (let left = bytes; left > 0; left -= piece) read(source, Math.min(left, piece), what)
}

function textAt(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4))
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
