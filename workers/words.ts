import { workerData } from 'node:worker_threads'
import { type PipeHandle, PipeWriter } from 'threadpipe'

export interface WordsTask {
  output: PipeHandle
  count: number
}

/** The words that `words.ts` writes: pseudo-random, the same each time. */
export function* words(count: number): Generator<string> {
  for (let i = 0, state = 1; i < count; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield (state >>> 8).toString(36)
  }
}

/** A thread that writes words, one to a line. */
if (workerData !== null) {
  const { output, count } = workerData as WordsTask
  const writer = PipeWriter.from(output)
  try {
    for (const word of words(count)) writer.writeSync(`${word}\n`)
    writer.close()
  } catch (error) {
    writer.closeWithError(error as Error)
  }
}
