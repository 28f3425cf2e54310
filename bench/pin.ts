import { spawnSync } from 'node:child_process'
import { readlinkSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'

/**
 * Keeps the calling thread on one core, where the system has a command for that: of two threads that wake each other some systems put the second one
 * where the first one runs, and then a round measures them, not what is between the threads. Nothing is done where this process may not use all cores, or there is only one.
 */
export function pin(core: number): void {
  if (availableParallelism() < Math.max(2, cpus().length)) return
  try {
    const id = readlinkSync('/proc/thread-self').split('/').at(-1) as string
    spawnSync('taskset', ['--pid', '--cpu-list', String(core), id])
  } catch {
    // Not Linux: the threads run where the system likes.
  }
}
