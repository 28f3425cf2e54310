import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { compilerVersion } from './native.ts'

/** What the figures were measured on. */
export interface Machine {
  processor: string
  cores: number
  memoryGiB: number
  system: string
  node: string
  c: string
  go: string
  commit: string
  date: string
  /** Of the last minute, at the start: much above 0.5, and something else was running. */
  load: number
}

export function machine(): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${release()}`,
    node: process.version,
    c: compilerVersion('c'),
    go: compilerVersion('go'),
    commit: commit(),
    date: new Date().toISOString(),
    load: Math.round((loadavg()[0] as number) * 100) / 100,
  }
}

function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8', cwd: import.meta.dirname })
    return (
      git('rev-parse', '--short', 'HEAD').trim() +
      (git('status', '--porcelain', 'src').trim() === '' ? '' : ', src changed')
    )
  } catch {
    return 'unknown'
  }
}
