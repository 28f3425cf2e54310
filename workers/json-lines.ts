import { workerData } from 'node:worker_threads'
import { type PipeHandle, PipeWriter } from 'threadpipe'

export interface JsonLinesTask {
  output: PipeHandle
  lines: number
  /** Told when the thread has ended: 1 for all written, 2 for an error; then the count of lines. */
  outcome: Int32Array
}

/** A thread that writes JSON lines, each when there is room for it. */
const { output, lines, outcome } = workerData as JsonLinesTask
const writer = PipeWriter.from(output)
let written = 0
let ended = 1
try {
  for (; written < lines; written += 1) {
    writer.writeSync(`${JSON.stringify({ id: written, name: `record ${written}`, even: written % 2 === 0 })}\n`)
  }
  writer.close()
} catch (error) {
  writer.closeWithError(error as Error)
  ended = 2
}
Atomics.store(outcome, 1, written)
Atomics.store(outcome, 0, ended)
Atomics.notify(outcome, 0)
