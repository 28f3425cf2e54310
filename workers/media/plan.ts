import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { extname } from 'node:path'
import { ENCODED_ENDINGS, hasFfmpeg, probeRate } from './ffmpeg.ts'
import type { Job, Origin, Sound } from './job.ts'
import { framesOf, type Piece } from './music.ts'
import { framesWithRoom } from './sources.ts'
import { isWav, readWavHeader, SAMPLE_BYTES, UnreadCodingError, type WavFormat } from './wav-header.ts'

/** The kinds of files that sound can be written to. */
const ENDINGS = ['.wav', ...ENCODED_ENDINGS]

/** What is known of sound before it is read. */
export type Found = Omit<Job, 'target'>

export function findMusic(piece: Piece): Found {
  return { origin: { kind: 'music', piece }, rate: piece.rate, frames: framesOf(piece) }
}

/** Looks for sound in a file: in a WAV file by itself, in others by ffmpeg, if there is one. @returns null if there is none */
export async function findSound(path: string): Promise<Found | null> {
  if (statSync(path).size === 0) return null
  let wav: WavFormat | null
  try {
    wav = wavFormatOf(path)
  } catch (error) {
    const rate = error instanceof UnreadCodingError ? await probeRate(path) : null
    if (rate === null) throw new Error(`${path}: ${(error as Error).message}`)
    return { origin: { kind: 'ffmpeg', path }, rate, frames: null }
  }
  if (wav === null) {
    const rate = await probeRate(path)
    return rate === null ? null : { origin: { kind: 'ffmpeg', path }, rate, frames: null }
  }
  if (wav.frames === 0) throw new Error(`${path}: there is no sound in it`)
  return { origin: { kind: 'wav', path } satisfies Origin, rate: wav.rate, frames: wav.frames }
}

/** @throws Error if a file of that name cannot be written */
export async function checkTarget(target: string): Promise<void> {
  const ending = extname(target)
  if (!ENDINGS.includes(ending)) {
    throw new Error(`sound is written to ${ENDINGS.join(', ')}, not to ${ending === '' ? target : `*${ending}`}`)
  }
  if (ending !== '.wav' && !(await hasFfmpeg())) throw new Error(`${target} needs ffmpeg, which is not found`)
}

/** What the stages are told. */
export function soundOf({ rate, frames }: Found): Sound {
  return { rate, frames: frames === null ? null : framesWithRoom(frames, rate) }
}

/** The format of a WAV file; null if it is none. @throws Error if it is shorter than its header says */
function wavFormatOf(path: string): WavFormat | null {
  const file = openSync(path, 'r')
  try {
    if (!isWav(file)) return null
    let headerBytes = 0
    const format = readWavHeader({
      readSync(target) {
        const n = readSync(file, target, 0, target.length, headerBytes)
        headerBytes += n
        return n === 0 && target.length > 0 ? null : n
      },
    })
    const { frames, channels, coding } = format
    const there = Math.floor((fstatSync(file).size - headerBytes) / (channels * SAMPLE_BYTES[coding]))
    if (frames !== null && there < frames) throw new Error(`it ends after ${there} of its ${frames} frames`)
    return format
  } finally {
    closeSync(file)
  }
}
