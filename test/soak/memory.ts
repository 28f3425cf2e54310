import { readdirSync } from 'node:fs'

/** How much memory a soak takes, over time. */

const MIB = 2 ** 20
const MS_PER_MINUTE = 60_000
/** The share of a soak in which threads, caches and buffers grow to their size. */
const WARM_UP = 0.25

export interface Sample {
  ms: number
  mib: number
}

export function sample(): Sample {
  return { ms: performance.now(), mib: process.memoryUsage.rss() / MIB }
}

export interface MemoryCourse {
  start: number
  warm: number
  end: number
  /** The line through all samples after the warm-up, in MiB per minute. */
  slope: number
}

export function courseOf(samples: readonly Sample[]): MemoryCourse {
  const first = samples[0] as Sample
  const last = samples.at(-1) as Sample
  const warmMs = first.ms + WARM_UP * (last.ms - first.ms)
  const warm = samples.filter(({ ms }) => ms >= warmMs)
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const [meanMs, meanMib] = [mean(warm.map(({ ms }) => ms)), mean(warm.map(({ mib }) => mib))]
  const covariance = warm.reduce((sum, { ms, mib }) => sum + (ms - meanMs) * (mib - meanMib), 0)
  const variance = warm.reduce((sum, { ms }) => sum + (ms - meanMs) ** 2, 0)
  const slope = variance === 0 ? 0 : (covariance / variance) * MS_PER_MINUTE
  return { start: first.mib, warm: warm[0]?.mib ?? first.mib, end: last.mib, slope }
}

/** The threads of this process as the system counts them; undefined where it does not say. */
export function systemThreads(): number | undefined {
  try {
    return readdirSync('/proc/self/task').length
  } catch {
    return undefined
  }
}
