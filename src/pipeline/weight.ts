import type { PipeHandle } from '../core.ts'
import type { Job } from './seat.ts'

/**
 * What V8 takes the memory of pipes for. It does not count shared memory when it decides whether it is time to collect garbage, so that a thread would
 * keep the memory of a thousand runs. So it is given plain memory of the same size to count, which lives as long as the thread's view of the shared one,
 * and which nobody ever touches.
 */
const weights = new WeakMap<SharedArrayBuffer, ArrayBuffer>()

export function weigh(pipes: readonly PipeHandle[]): void {
  for (const { memory } of pipes) weights.set(memory, new ArrayBuffer(memory.byteLength))
}

/** The pipes that a thread holds for a job. */
export function pipesOf(job: Job): PipeHandle[] {
  switch (job.kind) {
    case 'stage':
      return [job.input, job.output]
    case 'chunks':
      return [job.input, job.results, job.order]
    case 'merge':
      return [job.order, ...job.results, job.output]
    case 'read':
      return [job.output]
    case 'write':
      return [job.input]
  }
}
