import { noise } from './noise.ts'

/** One note of an instrument, from its beginning to where it has died away. */
export interface Voice {
  /** Adds its next frames to a stretch of sound. @returns whether there are more to come */
  add(left: Float32Array, right: Float32Array, from: number): boolean
}

export interface Note {
  /** frames a second */
  rate: number
  /** Hz */
  pitch: number
  seconds: number
  /** How loud it is; 1 is full scale. */
  level: number
  /** -1 is left, 1 is right. */
  pan: number
}

export type Instrument = (note: Note) => Voice

/** Makes the next samples of a note. What changes from sample to sample it keeps in local variables: in a closure each change would cost an object. */
type Fill = (samples: Float32Array) => void

interface Envelope {
  /** How long it takes to rise and, after the note, to die away, in seconds. */
  attack: number
  release: number
}

/** A voice that is heard at one place. */
function voice({ rate, seconds, level, pan }: Note, { attack, release }: Envelope, fill: Fill): Voice {
  const toLeft = Math.cos(((pan + 1) * Math.PI) / 4) * level
  const toRight = Math.sin(((pan + 1) * Math.PI) / 4) * level
  const [attackFrames, endFrame, releaseFrames] = [attack * rate, seconds * rate, release * rate]
  const total = Math.ceil(endFrame + releaseFrames)
  let done = 0
  return {
    add(left, right, from) {
      const samples = scratch(Math.min(left.length - from, total - done))
      fill(samples)
      for (let i = 0; i < samples.length; i += 1) {
        const frame = done + i
        let sample = samples[i] as number
        if (frame < attackFrames) sample *= 0.5 - 0.5 * Math.cos((Math.PI * frame) / attackFrames)
        if (frame > endFrame) sample *= 0.5 + 0.5 * Math.cos((Math.PI * (frame - endFrame)) / releaseFrames)
        left[from + i] = (left[from + i] as number) + sample * toLeft
        right[from + i] = (right[from + i] as number) + sample * toRight
      }
      done += samples.length
      return done < total
    },
  }
}

let spare = new Float32Array(0)

function scratch(length: number): Float32Array {
  if (spare.length < length) spare = new Float32Array(length)
  return spare.subarray(0, length)
}

/** One cycle of a wave, and its first sample once more. */
function cycle(level: (turns: number) => number): Float32Array {
  return Float32Array.from({ length: CYCLE_FRAMES + 1 }, (_, i) => level(i / CYCLE_FRAMES))
}

const CYCLE_FRAMES = 4096
const SINE = cycle((turns) => Math.sin(2 * Math.PI * turns))
const SOFT_SAW = cycle((turns) => {
  let level = 0
  for (let overtone = 1; overtone <= 14; overtone += 1) {
    level += (0.78 ** overtone / overtone) * Math.sin(2 * Math.PI * overtone * turns)
  }
  return level / 3
})

/** A wave after some turns, between two samples of its cycle. */
function waveAt(wave: Float32Array, turns: number): number {
  const at = turns * CYCLE_FRAMES
  const before = Math.floor(at)
  // A power of two: the turns that are done are masked away.
  const i = before & (CYCLE_FRAMES - 1)
  const level = wave[i] as number
  return level + (at - before) * ((wave[i + 1] as number) - level)
}

/** How long strings sound after their note. */
export const STRINGS_RELEASE_SECONDS = 1.2

/** Strings: three of them, a little out of tune with each other. */
export function strings(note: Note): Voice {
  const [first, second, third] = [0.9971, 1, 1.0031].map((detune) => (detune * note.pitch) / note.rate) as [
    number,
    number,
    number,
  ]
  let frame = 0
  return voice(note, { attack: 0.7, release: STRINGS_RELEASE_SECONDS }, (samples) => {
    for (let i = 0; i < samples.length; i += 1) {
      const at = frame + i
      samples[i] =
        waveAt(SOFT_SAW, first * at) + waveAt(SOFT_SAW, second * at + 0.17) + waveAt(SOFT_SAW, third * at + 0.34)
    }
    frame += samples.length
  })
}

/** An electric piano: a sine that bends another one, ever less. */
export function piano(note: Note): Voice {
  const { rate, pitch } = note
  const [fall, soften] = [Math.exp(-2.6 / rate), Math.exp(-5.5 / rate)]
  const step = pitch / rate
  const last = { turns: 0, level: 1, bend: 0.27 }
  return voice(note, { attack: 0.004, release: 0.25 }, (samples) => {
    let { turns, level, bend } = last
    for (let i = 0; i < samples.length; i += 1) {
      samples[i] = level * waveAt(SINE, turns + bend * (waveAt(SINE, turns) + 0.09 * waveAt(SINE, 14 * turns)))
      turns += step
      level *= fall
      bend *= soften
    }
    Object.assign(last, { turns, level, bend })
  })
}

/** A bass: a sine with some overtones, bent as in an old amplifier. */
export function bass(note: Note): Voice {
  const { rate, pitch } = note
  const fall = Math.exp(-1.8 / rate)
  const step = pitch / rate
  const last = { turns: 0, level: 1 }
  return voice(note, { attack: 0.008, release: 0.08 }, (samples) => {
    let { turns, level } = last
    for (let i = 0; i < samples.length; i += 1) {
      const sound = waveAt(SINE, turns) + 0.35 * waveAt(SINE, 2 * turns) + 0.12 * waveAt(SINE, 3 * turns)
      samples[i] = Math.tanh(1.4 * level * sound)
      turns += step
      level *= fall
    }
    Object.assign(last, { turns, level })
  })
}

/** A big drum: a sine that falls from the click of the stick to the tone of the skin. */
export function kick(note: Note): Voice {
  const { rate, pitch } = note
  const [fall, drop] = [Math.exp(-7 / rate), Math.exp(-38 / rate)]
  const step = pitch / rate
  const last = { turns: 0, level: 1, above: 4.2 }
  return voice(note, { attack: 0.002, release: 0.05 }, (samples) => {
    let { turns, level, above } = last
    for (let i = 0; i < samples.length; i += 1) {
      samples[i] = level * waveAt(SINE, turns)
      turns += step * (1 + above)
      above *= drop
      level *= fall
    }
    Object.assign(last, { turns, level, above })
  })
}

/** A side drum: its wires, and its skin. */
export function snare(note: Note): Voice {
  const { rate, pitch } = note
  const random = noise(Math.round(pitch))
  const [wiresFall, skinFall] = [Math.exp(-17 / rate), Math.exp(-26 / rate)]
  const step = pitch / rate
  const last = { turns: 0, wires: 0.5, skin: 0.6, before: 0 }
  return voice(note, { attack: 0.001, release: 0.03 }, (samples) => {
    let { turns, wires, skin, before } = last
    for (let i = 0; i < samples.length; i += 1) {
      const sample = random()
      samples[i] = wires * (sample - 0.6 * before) + skin * waveAt(SINE, turns)
      before = sample
      turns += step
      wires *= wiresFall
      skin *= skinFall
    }
    Object.assign(last, { turns, wires, skin, before })
  })
}

/** A cymbal: noise without its low part. */
export function hat(note: Note): Voice {
  const random = noise(Math.round(note.pitch))
  const fall = Math.exp(-9 / (note.seconds * note.rate))
  const last = { level: 0.3, before: 0, difference: 0 }
  return voice(note, { attack: 0.0008, release: 0.01 }, (samples) => {
    let { level, before, difference } = last
    for (let i = 0; i < samples.length; i += 1) {
      const sample = random()
      samples[i] = level * (sample - before - difference)
      difference = sample - before
      before = sample
      level *= fall
    }
    Object.assign(last, { level, before, difference })
  })
}
