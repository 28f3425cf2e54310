import { threadId } from 'node:worker_threads'
import { encodeError } from '../core.ts'
import { takeChunks } from './chunks.ts'
import { Control } from './control.ts'
import { errorOf, tellsOfDeath } from './errors.ts'
import { readFile, writeFile } from './files.ts'
import { mergeResults } from './merge.ts'
import type { Job, Report, Seat, Work } from './seat.ts'
import { runStage } from './stage.ts'
import { pipesOf, weigh } from './weight.ts'

/** The entry of the threads of a pipeline: one seat after the other, each from its preparation to its report. */

/** Room for an error on its way to the calling thread, in bytes. */
const ERROR_BYTES = 64 * 1024

export default async function takeSeat({ job, part, seat, control: handle }: Seat): Promise<Report> {
  weigh(pipesOf(job))
  const control = Control.from(handle)
  control.arrive(seat, threadId)
  let work: Work
  try {
    work = await prepare(job, () => void control.claim(part))
  } catch (error) {
    return failed(control, part, error)
  }
  control.ready()
  if (!control.waitSync()) {
    work.end()
    return { kind: 'left' }
  }
  try {
    const value = await work.run()
    checkSendable(value)
    // What it has left unhandled ends this thread now, not in the midst of another run's stage.
    await new Promise(setImmediate)
    work.end()
    return { kind: 'returned', value }
  } catch (error) {
    if (work.isLeaving(error)) {
      work.end()
      return { kind: 'left' }
    }
    // The claim comes first: what the neighbours throw because of this end is later.
    const report = failed(control, part, error)
    work.end(errorOf(error))
    return report
  }
}

function prepare(job: Job, claim: () => void): Work | Promise<Work> {
  switch (job.kind) {
    case 'stage':
      return runStage(job, claim)
    case 'chunks':
      return takeChunks(job)
    case 'merge':
      return mergeResults(job)
    case 'read':
      return readFile(job)
    case 'write':
      return writeFile(job)
  }
}

function failed(control: Control, part: number, thrown: unknown): Report {
  // That a neighbour's thread has died is best said by that neighbour's part.
  const derived = tellsOfDeath(thrown)
  const first = !derived && (control.claim(part) || control.isFirst(part))
  return { kind: 'failed', error: encodeError(errorOf(thrown), ERROR_BYTES), derived: !first }
}

/** @throws TypeError if a value cannot be sent to the calling thread */
function checkSendable(value: unknown): void {
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') return
  try {
    structuredClone(value)
  } catch (error) {
    throw new TypeError(`what it returned cannot be sent to the calling thread: ${errorOf(error).message}`)
  }
}
