import type { Piece } from './music.ts'

/** Where sound comes from. */
export type Origin =
  | { kind: 'music'; piece: Piece }
  | { kind: 'wav'; path: string }
  /** Any file that ffmpeg reads: it makes a WAV file of it, on a pipe. */
  | { kind: 'ffmpeg'; path: string }

/** Sound that goes through a room, into a file. */
export interface Job {
  origin: Origin
  /** frames a second */
  rate: number
  /** Of the origin; null if that is not known before its end. */
  frames: number | null
  /** What is written: a WAV file, or what ffmpeg makes of one, by the ending of the name. */
  target: string
}

/** What every stage is told. */
export interface Sound {
  rate: number
  /** Of what is written, with the ringing of the room; null as above. */
  frames: number | null
}
