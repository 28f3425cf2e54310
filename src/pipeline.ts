/**
 * Producers, filters and consumers, each on a thread of its own or in a child process, joined by pipes. Needs piscina.
 *
 * @example
 * ```js
 * import { exec, fromFile, pipeline, toFile } from 'threadpipe/pipeline'
 *
 * const parts = [fromFile(process.execPath), exec('gzip', ['-1']), toFile('node.gz')]
 * const { stats } = await pipeline(parts).finished
 * for (const { name, bytesIn, bytesOut } of stats.parts) console.log(name, bytesIn, bytesOut)
 * ```
 * @module threadpipe/pipeline
 */
export { AbortError, ExecError, PipelineError } from './pipeline/errors.ts'
export {
  type ExecOptions,
  exec,
  fromFd,
  fromFile,
  type ParallelFunction,
  type ParallelOptions,
  type Part,
  parallel,
  type StageFunction,
  type StageIO,
  type StageOptions,
  stage,
  toFd,
  toFile,
} from './pipeline/parts.ts'
export type { PipelineResult } from './pipeline/run.ts'
export { type PipelineOptions, type PipelineRun, pipeline } from './pipeline/start.ts'
export type { PartStats, PipelineStats } from './pipeline/stats.ts'
