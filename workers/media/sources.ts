import type { ReaderSync } from 'threadpipe'
import { framesInBlocks, type Source, withSilence } from './block.ts'
import { type Piece, play } from './music.ts'
import { ROOM_SECONDS } from './room.ts'
import { readWavHeader } from './wav-header.ts'
import { wavSamples } from './wav-samples.ts'

/** Music, and silence for the room to ring on in. */
export function composed(piece: Piece): Source {
  return withSilence(play(piece), ROOM_SECONDS * piece.rate)
}

/** The sound of a WAV file, from its first byte on, and silence for the room to ring on in. */
export function decoded(source: ReaderSync): Source {
  const format = readWavHeader(source)
  return withSilence(wavSamples(source, format), ROOM_SECONDS * format.rate)
}

/** How many frames come of so many. */
export function framesWithRoom(frames: number, rate: number): number {
  return framesInBlocks(frames, ROOM_SECONDS * rate)
}
