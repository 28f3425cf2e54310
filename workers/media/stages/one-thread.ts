import { type ExecFileSyncOptions, execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { extname } from 'node:path'
import { fdReader, fdWriter } from 'threadpipe/node'
import type { StageIO } from 'threadpipe/pipeline'
import { newBlock, type Source } from '../block.ts'
import { Convolver } from '../convolver.ts'
import { type Encoded, Encoder } from '../encoder.ts'
import { decodeArgs, encodeArgs } from '../ffmpeg.ts'
import type { Job, Sound } from '../job.ts'
import { Master, type Measures } from '../master.ts'
import { room } from '../room.ts'
import { composed, decoded } from '../sources.ts'
import { Stopwatch } from '../stopwatch.ts'
import { ENCODED_BYTES } from '../wav-samples.ts'

export interface OneThreadTask {
  job: Job
  sound: Sound
  /** Files to write: what ffmpeg decodes, the WAV file, what ffmpeg encodes. Whoever asks for them removes them. */
  files: { decoded: string; wav: string; encoded: string }
}

export interface OneThreadRun {
  encoded: Encoded
  measures: Measures
  /** How long it took, and each kind of work in it, by the names of the stages. */
  elapsedSeconds: number
  stageSeconds: Record<string, number>
}

/** What ffmpeg complains of is in the error. */
const NO_OUTPUT: ExecFileSyncOptions = { stdio: ['ignore', 'ignore', 'pipe'] }

/** The whole job without a pipe: block by block, each kind of work is called directly, one after the other. */
export default function oneThread({ data: { job, sound, files } }: StageIO<OneThreadTask>): OneThreadRun {
  const startedMs = performance.now()
  const watch = new Stopwatch()
  const opened: number[] = []
  const open = (path: string, flags: string): number => {
    const fd = openSync(path, flags)
    opened.push(fd)
    return fd
  }

  /** The source, and what its work is called. */
  const begin = (): [name: string, source: Source] => {
    const { origin, rate } = job
    if (origin.kind === 'music') return ['compose', composed(origin.piece)]
    const path = origin.kind === 'wav' ? origin.path : files.decoded
    if (origin.kind === 'ffmpeg') {
      watch.time('ffmpeg', () => execFileSync('ffmpeg', decodeArgs(origin.path, rate, files.decoded), NO_OUTPUT))
    }
    return ['decode', decoded(fdReader(open(path, 'r')))]
  }

  try {
    const [name, source] = begin()
    const convolver = watch.time('reverb', () => new Convolver(room(sound.rate)))
    const master = new Master(sound.rate)
    const encoder = new Encoder(sound)
    const file = fdWriter(open(files.wav, 'w'))
    const [dry, wet, finished, bytes] = [newBlock(), newBlock(), newBlock(), new Uint8Array(ENCODED_BYTES)]
    watch.time('write', () => file.writeSync(encoder.header))
    while (watch.time(name, () => source.next(dry))) {
      watch.time('reverb', () => convolver.process(dry, wet))
      watch.time('master', () => master.process(wet, finished))
      watch.time('encode', () => encoder.encode(finished, bytes))
      watch.time('write', () => file.writeSync(bytes))
    }
    const measures = watch.time('master', () => master.result())
    const ending = extname(job.target)
    if (ending !== '.wav') {
      watch.time('ffmpeg', () => execFileSync('ffmpeg', encodeArgs(files.wav, files.encoded, ending), NO_OUTPUT))
    }
    const elapsedSeconds = (performance.now() - startedMs) / 1000
    return { encoded: encoder.result(), measures, elapsedSeconds, stageSeconds: watch.seconds }
  } finally {
    for (const fd of opened) closeSync(fd)
  }
}
