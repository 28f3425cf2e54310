import type { Piscina } from 'piscina'
import { checkFunction, checkObject, signalOf, sizeOption } from '../core.ts'
import { linksOf, threadsNeeded } from './member.ts'
import { type Part, plansOf } from './parts.ts'
import { checkPool } from './pool.ts'
import { type PipelineResult, Run } from './run.ts'
import type { PipelineStats } from './stats.ts'

/** What a pipeline may be given. */
export interface PipelineOptions {
  /** Bytes that each pipe between two parts holds; 1 MiB by default; 0 = a write waits until its bytes are taken. */
  capacity?: number
  /** Ends the run: `finished` rejects with an `AbortError` that has the signal's reason as its cause. */
  signal?: AbortSignal
  /**
   * Runs the stages, instead of threads of this library's own. It must have a thread for each of them: one for a `stage`, `threads` for a `parallel`.
   * Files, and the order of chunks, are looked after by threads of this library's own all the same.
   */
  pool?: Piscina
  /** Called five times a second while bytes flow, and at the end. What it throws ends the run. */
  onProgress?: (stats: PipelineStats) => void
}

/** A pipeline that runs, or has run. */
export interface PipelineRun {
  /**
   * Settles when everything has ended, and nothing is left. Rejects with a {@link PipelineError} that names the part that failed first, with its error as the
   * `cause`; after `abort(error)` with that error; after the signal, or `abort()`, with an `AbortError`.
   */
  readonly finished: Promise<PipelineResult>
  /** What each part has done so far, and whom it has waited for. It costs the parts nothing. */
  stats(): PipelineStats
  /** Ends the run, within 100 ms, whatever its stages do. Does nothing after its end. @throws TypeError if `error` is no error */
  abort(error?: Error): void
}

/** The room between two parts, in bytes. */
const CAPACITY = 1024 * 1024

/**
 * Runs parts that are joined by pipes, each stage on a thread of its own, as a shell runs a pipeline with `pipefail`. Every thread is there, its module
 * loaded, every file open and every child process started, before the first byte flows.
 *
 * - A part that ends without reading all its input ends those above it quietly: their writes fail, as with SIGPIPE.
 * - A part that fails ends all the others. The first cause is what `finished` rejects with; no thread, descriptor, child process or half-written file is left.
 * - A signal that ends the process at once, for nobody listens for it, leaves child processes and half-written files. Listen for it, and `abort()`.
 * - The threads are used again by the next pipeline: state that a module keeps outside its function is there then.
 *
 * @throws TypeError, RangeError for bad arguments; RangeError if `pool` is too small
 */
export function pipeline(parts: readonly Part[], options: PipelineOptions = {}): PipelineRun {
  const plans = plansOf(parts)
  checkObject(options, 'options')
  const { pool, onProgress } = options
  const capacity = sizeOption('capacity', options.capacity, CAPACITY)
  const signal = signalOf(options as { signal?: AbortSignal })
  if (onProgress !== undefined) checkFunction(onProgress, 'option onProgress')
  if (pool !== undefined) {
    checkObject(pool, 'pool')
    checkFunction(pool.run, "pool's run")
    checkPool(pool, threadsNeeded(plans))
  }
  const run = new Run(plans, linksOf(plans, capacity), pool, onProgress)
  return { finished: run.execute(signal), stats: () => run.stats(), abort: (error) => run.abort(error) }
}
