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
