import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, renameSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline as connect } from 'node:stream/promises'
import type { PipelineStats } from 'threadpipe/pipeline'
import { withFolderBeside } from '../scratch-folder.ts'
import { BLOCK_BYTES, BLOCK_FRAMES } from './block.ts'
import { ENCODING } from './encoder.ts'
import type { Job } from './job.ts'
import { runOnOneThread, runOnThreads, type ThreadedRun } from './on-threads.ts'
import { picture } from './picture.ts'
import { soundOf } from './plan.ts'
import { captionOf } from './report.ts'
import type { OneThreadRun } from './stages/one-thread.ts'
import { warmUp } from './warm-up.ts'
import { wavHeader } from './wav-header.ts'

export interface Performance {
  job: Job
  threaded: ThreadedRun
  single: OneThreadRun
  /** The file that the spectrogram is drawn in. */
  drawn: string
  /** Of the target. */
  bytes: number
  sha256: string
}

export interface Audience {
  signal: AbortSignal
  /** Told what is being done. */
  onStep: (step: string) => void
  /** Told how far that has come, several times a second. */
  onProgress: (progress: string) => void
}

export interface Comparison {
  /** Whether the threads are warmed up first, for a fair comparison of times; true by default. */
  warm?: boolean
}

/** Does a job on threads and on one thread, checks that both made the same, and draws what was measured. The files appear when all has gone well. */
export async function perform(
  job: Job,
  { signal, onStep, ...audience }: Audience,
  { warm = true }: Comparison = {},
): Promise<Performance> {
  const { target, rate } = job
  const sound = soundOf(job)
  const ending = extname(target)
  return withFolderBeside(target, async (folder) => {
    const made = join(folder, basename(target))
    const single = join(folder, 'one-thread')
    const files = { decoded: `${single}-decoded.wav`, wav: `${single}.wav`, encoded: `${single}-encoded${ending}` }
    if (warm) {
      onStep('warming up')
      await warmUp(signal)
    }
    onStep('on threads')
    const onProgress = (stats: PipelineStats): void =>
      audience.onProgress(`on threads: ${secondsDone(stats, rate)} s of sound`)
    const threaded = await runOnThreads(job, sound, made, { signal, onProgress })
    onStep('on one thread')
    const compared = await runOnOneThread({ job, sound, files }, signal)

    const { encoded } = threaded
    if (encoded.sha256 !== compared.encoded.sha256) throw new Error('threads and one thread made different sound')
    if (ending === '.wav') {
      if ((await digestOf(made)) !== encoded.sha256) throw new Error('the file is not what was made')
      if (sound.frames === null) completeHeader(made, rate, encoded.frames)
    }
    onStep('drawing')
    const drawing = `${basename(target, ending)}.png`
    const drawn = join(dirname(target), drawing)
    writeFileSync(join(folder, drawing), picture(threaded.measures, captionOf(job, threaded)))
    const [bytes, sha256] = [statSync(made).size, await digestOf(made)]
    renameSync(join(folder, drawing), drawn)
    renameSync(made, target)
    return { job, threaded, single: compared, drawn, bytes, sha256 }
  })
}

function secondsDone({ parts }: PipelineStats, rate: number): number {
  const bytes = parts.find(({ name }) => name === 'encode')?.bytesIn ?? 0
  return Math.floor(((bytes / BLOCK_BYTES) * BLOCK_FRAMES) / rate)
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  await connect(createReadStream(path), hash)
  return hash.digest('hex')
}

/** Writes a header once more, when it is known how much has followed. */
function completeHeader(path: string, rate: number, frames: number): void {
  const file = openSync(path, 'r+')
  try {
    writeSync(file, wavHeader({ ...ENCODING, rate, frames }), 0, undefined, 0)
  } finally {
    closeSync(file)
  }
}
