import type { Worker } from 'node:worker_threads'
import type { PipeReader, PipeWriter } from 'threadpipe'
import { afterAll, afterEach } from 'vitest'
import type { Reply } from '../../workers/calls.ts'
import { start } from '../../workers/start.ts'
import { type Line, Thread } from './caller.ts'
import { handleOf } from './sides.ts'

export { failureOf, Thread, until } from './caller.ts'

/** The threads of the tests under vitest: lent until the end of a test, and used again. */

/** The line to a worker that was started with `workers/runner`. It does not keep its process alive. */
export function lineTo(worker: Worker): Line {
  worker.unref()
  return {
    post: (call) => worker.postMessage(call),
    listen(onReply, onEnd) {
      worker.on('message', (reply: Reply) => onReply(reply))
      worker.on('error', (error) => onEnd(error as Error))
      worker.on('exit', () => onEnd(new Error('the thread has ended')))
    },
    terminate: () => worker.terminate(),
  }
}

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
