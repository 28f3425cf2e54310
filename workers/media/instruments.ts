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
  /** The level it is heard at, before it is panned; 1 is full scale. */
  level: number
  /** -1 is left, 1 is right. */
  pan: number
}

const TURN = 2 * Math.PI

/** What is quieter than this has died away. */
const SILENT = 1e-4

/** A voice that one function makes, a sample at a time, and that is heard at one place. */
function voice({ rate, level, pan }: Note, seconds: number, sample: () => number): Voice {
  const [toLeft, toRight] = [Math.cos(((pan + 1) * Math.PI) / 4) * level, Math.sin(((pan + 1) * Math.PI) / 4) * level]
  let left = Math.ceil(seconds * rate)
  return {
    add(leftChannel, rightChannel, from) {
      const to = Math.min(leftChannel.length, from + left)
      for (let i = from; i < to; i += 1) {
        const value = sample()
        leftChannel[i] = (leftChannel[i] as number) + value * toLeft
        rightChannel[i] = (rightChannel[i] as number) + value * toRight
      }
      left -= to - from
      return left > 0
    },
  }
}

/** Rises to 1 within some time, and falls to nothing in the same way from where the note ends. */
function swell(rate: number, attack: number, seconds: number, release: number): () => number {
  let frame = 0
  return () => {
    const time = frame / rate
    frame += 1
    const rise = time < attack ? 0.5 - 0.5 * Math.cos((Math.PI * time) / attack) : 1
    if (time <= seconds) return rise
    return rise * Math.max(0, 0.5 + 0.5 * Math.cos((Math.PI * Math.min(time - seconds, release)) / release))
  }
}

/** How long strings sound after their note. */
export const STRINGS_RELEASE_SECONDS = 1.2

/** Strings: three saws without their highest overtones, a little out of tune with each other. */
export function strings(note: Note): Voice {
  const { rate, pitch, seconds } = note
  const release = STRINGS_RELEASE_SECONDS
  const envelope = swell(rate, 0.7, seconds, release)
  const player = (detune: number, start: number): (() => number) => {
    const step = (pitch * detune * CYCLE_FRAMES) / rate
    let at = start
    return () => {
      at += step
      if (at >= CYCLE_FRAMES) at -= CYCLE_FRAMES
      const before = Math.floor(at)
      const level = SAW[before] as number
      return level + (at - before) * ((SAW[before + 1] as number) - level)
    }
  }
  const [first, second, third] = [player(0.9971, 0), player(1, 300), player(1.0031, 700)]
  return voice(note, seconds + release, () => envelope() * (first() + second() + third()))
}

const CYCLE_FRAMES = 2048

/** One cycle of a soft saw, and its first sample once more. */
const SAW = Float32Array.from({ length: CYCLE_FRAMES + 1 }, (_, i) => {
  let level = 0
  for (let overtone = 1; overtone <= 14; overtone += 1) {
    level += (0.78 ** overtone / overtone) * Math.sin((TURN * overtone * i) / CYCLE_FRAMES)
  }
  return level / 3
})

/** An electric piano: a sine that bends another one, ever less. */
export function piano(note: Note): Voice {
  const { rate, pitch, seconds } = note
  const [fall, soften] = [Math.exp(-2.6 / rate), Math.exp(-5.5 / rate)]
  const [step, bell] = [(TURN * pitch) / rate, (TURN * pitch * 14) / rate]
  const [attack, release] = [0.004, 0.25]
  const envelope = swell(rate, attack, seconds, release)
  let [phase, bellPhase, level, bend] = [0, 0, 1, 1.7]
  return voice(note, seconds + release, () => {
    phase += step
    bellPhase += bell
    level *= fall
    bend *= soften
    const tine = 0.09 * bend * Math.sin(bellPhase)
    return level * envelope() * Math.sin(phase + bend * Math.sin(phase) + tine)
  })
}

/** A bass: a sine with some overtones, bent as in an old amplifier. */
export function bass(note: Note): Voice {
  const { rate, pitch, seconds } = note
  const fall = Math.exp(-1.8 / rate)
  const step = (TURN * pitch) / rate
  const envelope = swell(rate, 0.008, seconds, 0.08)
  let [phase, level] = [0, 1]
  return voice(note, seconds + 0.08, () => {
    phase += step
    level *= fall
    const sound = Math.sin(phase) + 0.35 * Math.sin(2 * phase) + 0.12 * Math.sin(3 * phase)
    return Math.tanh(1.4 * level * sound) * envelope()
  })
}

/** A big drum: a sine that falls from the click of the stick to the tone of the skin. */
export function kick(note: Note): Voice {
  const { rate, pitch } = note
  const [fall, drop] = [Math.exp(-7 / rate), Math.exp(-38 / rate)]
  const envelope = swell(rate, 0.002, note.seconds, 0.05)
  let [phase, level, above] = [0, 1, 4.2]
  return voice(note, note.seconds + 0.05, () => {
    phase += (TURN * pitch * (1 + above)) / rate
    above *= drop
    level *= fall
    return level * envelope() * Math.sin(phase)
  })
}

/** A side drum: its wires, and its skin. */
export function snare(note: Note): Voice {
  const { rate, pitch } = note
  const random = noise(Math.round(pitch))
  const [wires, skin] = [Math.exp(-17 / rate), Math.exp(-26 / rate)]
  const envelope = swell(rate, 0.001, note.seconds, 0.03)
  let [phase, wiresLevel, skinLevel, before] = [0, 1, 1, 0]
  return voice(note, note.seconds + 0.03, () => {
    phase += (TURN * pitch) / rate
    wiresLevel *= wires
    skinLevel *= skin
    const sample = random()
    const bright = sample - 0.6 * before
    before = sample
    return envelope() * (0.5 * wiresLevel * bright + 0.6 * skinLevel * Math.sin(phase))
  })
}

/** A cymbal: noise without its low part, twice over. */
export function hat(note: Note): Voice {
  const { rate, pitch, seconds } = note
  const random = noise(Math.round(pitch))
  const fall = SILENT ** (1 / (seconds * rate))
  const envelope = swell(rate, 0.0008, seconds, 0.01)
  let [level, before, twice] = [1, 0, 0]
  return voice(note, seconds + 0.01, () => {
    level *= fall
    const sample = random()
    const once = sample - before
    before = sample
    const bright = once - twice
    twice = once
    return 0.3 * level * envelope() * bright
  })
}
