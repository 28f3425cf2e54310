import { devNull } from 'node:os'
import type { Job } from './job.ts'
import { PIECE } from './music.ts'
import { runOnOneThread } from './on-threads.ts'
import { findMusic, soundOf } from './plan.ts'

/** The threads that a job has, so that each has compiled whatever it may be given. */
const THREADS = 5
const BARS = 2

/** Does some bars of music on each thread, for a fair comparison: later no thread has to compile anything, while others wait for it. */
export async function warmUp(signal: AbortSignal): Promise<void> {
  const job: Job = { ...findMusic({ ...PIECE, bars: BARS }), target: `${devNull}.wav` }
  const task = { job, sound: soundOf(job), files: { decoded: devNull, wav: devNull, encoded: devNull } }
  await Promise.all(Array.from({ length: THREADS }, () => runOnOneThread(task, signal)))
}
