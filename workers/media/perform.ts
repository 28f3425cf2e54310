import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline as connect } from 'node:stream/promises'
import type { PipelineStats } from 'threadpipe/pipeline'
import { BLOCK_BYTES, BLOCK_FRAMES } from './block.ts'
import { ENCODING } from './encoder.ts'
import type { Job } from './job.ts'
import { runOnOneThread, runOnThreads, type ThreadedRun } from './on-threads.ts'
import { picture } from './picture.ts'
import { soundOf } from './plan.ts'
import type { OneThreadRun } from './stages/one-thread.ts'
import { warmUp } from './warm-up.ts'
import { wavHeader } from './wav-header.ts'
import { captionOf } from './words.ts'

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
}

/** Does a job on threads and on one thread, checks that both made the same, and draws what was measured. The files appear when all has gone well. */
export async function perform(job: Job, { signal, onStep }: Audience): Promise<Performance> {
  const { target, rate } = job
  const sound = soundOf(job)
  const stem = join(dirname(target), basename(target, extname(target)))
  const part = (name: string): string => `${target}.${process.pid}.${name}.part`
  const threadedPart = part('threads')
  const files = { decoded: part('decoded'), wav: part('wav'), encoded: part('encoded') }
  try {
    onStep('warming up')
    await warmUp(signal)
    const onProgress = (stats: PipelineStats): void => onStep(`on threads: ${secondsDone(stats, rate)} s of sound`)
    const threaded = await runOnThreads(job, sound, threadedPart, { signal, onProgress })
    onStep('on one thread')
    const single = await runOnOneThread({ job, sound, files }, signal)

    const { encoded } = threaded
    if (encoded.sha256 !== single.encoded.sha256) throw new Error('threads and one thread made different sound')
    if (extname(target) === '.wav') {
      if ((await digestOf(threadedPart)) !== encoded.sha256) throw new Error('the file is not what was made')
      if (sound.frames === null) completeHeader(threadedPart, rate, encoded.frames)
    }
    onStep('drawing')
    const drawn = `${stem}.png`
    writeFileSync(drawn, picture(threaded.measures, captionOf(job, threaded)))
    const [bytes, sha256] = [statSync(threadedPart).size, await digestOf(threadedPart)]
    renameSync(threadedPart, target)
    return { job, threaded, single, drawn, bytes, sha256 }
  } finally {
    for (const file of [threadedPart, ...Object.values(files)]) rmSync(file, { force: true })
  }
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
