import { extname } from 'node:path'
import { exec, fromFile, type Part, type PipelineStats, pipeline, stage, toFile } from 'threadpipe/pipeline'
import { PIPE_BYTES } from './block.ts'
import type { Encoded } from './encoder.ts'
import { decodeArgs, encodeArgs } from './ffmpeg.ts'
import type { Job, Sound } from './job.ts'
import type { Measures } from './master.ts'
import type { OneThreadRun, OneThreadTask } from './stages/one-thread.ts'

export interface ThreadedRun {
  encoded: Encoded
  measures: Measures
  stats: PipelineStats
  /** Until the first byte flowed: the start of the threads, in seconds. */
  startSeconds: number
}

export interface RunOptions {
  signal: AbortSignal
  onProgress?: (stats: PipelineStats) => void
}

const moduleOf = (name: string): URL => new URL(`./stages/${name}.ts`, import.meta.url)

/** Each kind of work on a thread of its own, joined by pipes. */
export async function runOnThreads(job: Job, sound: Sound, target: string, options: RunOptions): Promise<ThreadedRun> {
  const parts = [
    ...sourceParts(job),
    stage(moduleOf('reverb'), { data: sound }),
    stage(moduleOf('master'), { data: sound }),
    stage(moduleOf('encode'), { data: sound }),
    targetPart(job, target),
  ]
  const { values, stats, elapsedMs } = await pipeline(parts, { capacity: PIPE_BYTES, ...options }).finished
  const returned = (name: string): unknown => values[parts.findIndex((part) => part.name === name)]
  return {
    encoded: returned('encode') as Encoded,
    measures: returned('master') as Measures,
    stats,
    startSeconds: (elapsedMs - stats.elapsedMs) / 1000,
  }
}

/** The same work on one thread, which is not this one, so that this one can end it. */
export async function runOnOneThread(task: OneThreadTask, signal: AbortSignal): Promise<OneThreadRun> {
  const { values } = await pipeline([stage(moduleOf('one-thread'), { data: task })], { signal }).finished
  return values[0] as OneThreadRun
}

function sourceParts({ origin, rate }: Job): Part[] {
  switch (origin.kind) {
    case 'music':
      return [stage(moduleOf('compose'), { data: origin.piece })]
    case 'wav':
      return [fromFile(origin.path), stage(moduleOf('decode'))]
    case 'ffmpeg':
      return [exec('ffmpeg', decodeArgs(origin.path, rate, 'pipe:1')), stage(moduleOf('decode'))]
  }
}

/** What ffmpeg encodes it writes itself: it goes back to the start of the file, to tell how long it has become. */
function targetPart(job: Job, target: string): Part {
  const ending = extname(job.target)
  if (ending === '.wav') return toFile(target)
  return exec('ffmpeg', encodeArgs('pipe:0', target, ending), { name: `ffmpeg to ${ending.slice(1)}` })
}
