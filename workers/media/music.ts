import { BLOCK_FRAMES, type Source } from './block.ts'
import {
  bass,
  hat,
  type Instrument,
  kick,
  type Note,
  piano,
  STRINGS_RELEASE_SECONDS,
  snare,
  strings,
  type Voice,
} from './instruments.ts'

/**
 * A piece of music that is made, not played: four chords under a falling figure of an electric piano, with strings, a bass and drums, which
 * come in one after the other.
 */
export interface Piece {
  /** frames a second */
  rate: number
  bars: number
}

const BEATS_A_MINUTE = 96
const BEATS_A_BAR = 4
export const BAR_SECONDS = (60 / BEATS_A_MINUTE) * BEATS_A_BAR
/** A minute of it. */
export const PIECE: Piece = { rate: 48_000, bars: 24 }

/** Semitones above the A of 55 Hz: A minor 9, F major 7, C major 9, G with a 6. Each as its bass, its strings and its figure. */
const CHORDS = [
  { bass: 0, strings: [24, 27, 31, 34], figure: [36, 39, 43, 46, 48, 46, 43, 39] },
  { bass: -4, strings: [20, 24, 27, 31], figure: [32, 36, 39, 43, 44, 43, 39, 36] },
  { bass: 3, strings: [22, 27, 31, 34], figure: [34, 39, 43, 46, 51, 46, 43, 39] },
  { bass: -2, strings: [22, 26, 29, 31], figure: [34, 38, 41, 43, 46, 43, 41, 38] },
] as const

/** A tune for the second half, for four bars: semitones above that A, and the beats that each lasts. */
const TUNE = [
  [55, 1.5],
  [58, 0.5],
  [60, 2],
  [56, 1.5],
  [55, 0.5],
  [51, 2],
  [58, 1],
  [55, 1],
  [51, 1],
  [53, 1],
  [55, 1.5],
  [53, 0.5],
  [50, 2],
] as const

interface Event {
  /** The frame it begins at. */
  at: number
  begin: () => Voice
}

export function framesOf({ rate, bars }: Piece): number {
  return Math.round(bars * BAR_SECONDS * rate)
}

/** Plays a piece, from its first frame to the end of its last bar. */
export function play(piece: Piece): Source {
  const events = score(piece)
  const total = framesOf(piece)
  let [done, next] = [0, 0]
  let voices: Voice[] = []
  return {
    next({ left, right }) {
      if (done >= total) return false
      left.fill(0)
      right.fill(0)
      voices = voices.filter((voice) => voice.add(left, right, 0))
      for (let event = events[next]; event !== undefined && event.at < done + BLOCK_FRAMES; event = events[next]) {
        const voice = event.begin()
        if (voice.add(left, right, event.at - done)) voices.push(voice)
        next += 1
      }
      done += BLOCK_FRAMES
      return true
    },
  }
}

function score({ rate, bars }: Piece): Event[] {
  const events: Event[] = []
  const beatSeconds = BAR_SECONDS / BEATS_A_BAR
  const add = (instrument: Instrument, beat: number, note: Omit<Note, 'rate'>): void => {
    events.push({ at: Math.round(beat * beatSeconds * rate), begin: () => instrument({ rate, ...note }) })
  }
  const from = (share: number): number => Math.floor(share * bars)
  for (let bar = 0; bar < bars; bar += 1) {
    const chord = CHORDS[bar % CHORDS.length] as (typeof CHORDS)[number]
    const beat = bar * BEATS_A_BAR
    const last = bar === bars - 1

    chord.strings.forEach((note, i) => {
      const seconds = last ? BAR_SECONDS - STRINGS_RELEASE_SECONDS : 0.92 * BAR_SECONDS
      add(strings, beat, { pitch: pitchOf(note), seconds, level: 0.075, pan: -0.75 + 0.5 * i })
    })
    if (bar >= from(1 / 12)) {
      chord.figure.forEach((note, i) => {
        const level = i % 4 === 0 ? 0.17 : 0.12
        const pan = 0.55 * Math.sin(i + bar)
        if (!last || i === 0) add(piano, beat + i / 2, { pitch: pitchOf(note), seconds: last ? 1.9 : 0.55, level, pan })
      })
    }
    if (bar >= from(1 / 6)) {
      for (const [at, beats, up] of last ? [[0, 3.5, 0] as const] : BASS_LINE) {
        add(bass, beat + at, { pitch: pitchOf(chord.bass + up), seconds: beats * beatSeconds, level: 0.26, pan: 0 })
      }
    }
    if (bar >= from(1 / 3) && !last) addDrums(add, beat, bar >= from(2 / 3))
  }
  for (let bar = from(1 / 2); bar + CHORDS.length <= bars; bar += CHORDS.length) {
    let beat = bar * BEATS_A_BAR
    for (const [note, beats] of TUNE) {
      add(piano, beat, { pitch: pitchOf(note), seconds: beats * beatSeconds, level: 0.17, pan: 0.2 })
      add(strings, beat, { pitch: pitchOf(note), seconds: 0.8 * beats * beatSeconds, level: 0.035, pan: -0.25 })
      beat += beats
    }
  }
  return events.sort((a, b) => a.at - b.at)
}

/** Where each note of the bass begins, how long it is, both in beats, and how far above the chord. */
const BASS_LINE = [
  [0, 1.3, 0],
  [1.5, 0.4, 0],
  [2, 0.8, 12],
  [3, 0.4, 7],
  [3.5, 0.4, 0],
] as const

function addDrums(
  add: (instrument: Instrument, beat: number, note: Omit<Note, 'rate'>) => void,
  beat: number,
  busy: boolean,
): void {
  for (const at of [0, 1.75, 2.5]) add(kick, beat + at, { pitch: 46, seconds: 0.45, level: 0.55, pan: 0 })
  for (const at of [1, 3]) add(snare, beat + at, { pitch: 185, seconds: 0.25, level: 0.4, pan: 0.08 })
  const perBeat = busy ? 4 : 2
  for (let i = 0; i < BEATS_A_BAR * perBeat; i += 1) {
    const open = i % (2 * perBeat) === 2 * perBeat - 1
    const level = i % perBeat === 0 ? 0.16 : 0.1
    add(hat, beat + i / perBeat, { pitch: 900 + i, seconds: open ? 0.3 : 0.07, level, pan: -0.35 })
  }
}

function pitchOf(semitones: number): number {
  return 55 * 2 ** (semitones / 12)
}
