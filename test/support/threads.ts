import type { PipeReader, PipeWriter } from 'threadpipe'
import { afterAll, afterEach } from 'vitest'
import { start } from '../../workers/start.ts'
import { Thread } from './caller.ts'
import { lineTo } from './node-line.ts'
import { handleOf } from './sides.ts'

export { failureOf, Thread, until } from './caller.ts'

/** The threads of the tests under vitest: lent until the end of a test, and used again. */

const idle: Thread[] = []
const lent: Thread[] = []

/** Lends a thread until the end of the test. */
export function thread(): Thread {
  const taken = idle.pop() ?? new Thread(lineTo(start('./runner.ts')))
  lent.push(taken)
  return taken
}

export function threads(count: number): Thread[] {
  return Array.from({ length: count }, thread)
}

afterEach(async () => {
  for (const thread of lent.splice(0)) {
    if (thread.usable) idle.push(thread)
    else await thread.terminate()
  }
})

afterAll(async () => {
  await Promise.all(idle.splice(0).map((thread) => thread.terminate()))
})

/** A thread that copies one pipe into another, and closes it at the end. @returns bytes copied */
export function relay(from: PipeReader, to: PipeWriter): Promise<number> {
  return thread().run(
    ({ PipeReader, PipeWriter, copySync }, { from, to }) => {
      const writer = PipeWriter.from(to)
      const n = copySync(writer, PipeReader.from(from))
      writer.close()
      return n
    },
    { from: handleOf(from), to: handleOf(to) },
  )
}
