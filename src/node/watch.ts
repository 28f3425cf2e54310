import type { Worker } from 'node:worker_threads'
import {
  checkHalf,
  checkObject,
  describe,
  endExited,
  noteExit,
  openMemory,
  type PipeReader,
  type PipeWriter,
} from '../core.ts'
import { threadNumber } from '../platform/node.ts'

/** What a worker's `threadId` is once it has exited. */
const EXITED = -1

/**
 * Ends, when a worker exits, the halves that were given to it and that it has not closed: the other side gets `ERR_PIPE_PEER_EXITED`, after the
 * bytes that a buffered pipe still holds, and so do other threads that share the half. It takes a turning event loop in the thread that watches.
 *
 * On Linux a thread that waits sees by itself within 250 ms that the others are dead; but not that one has died before it rebuilt the half it
 * was given. Elsewhere this is the only way to know.
 *
 * @param halves the halves that live in the worker, as this thread holds them
 * @returns a function that ends the watch
 * @throws TypeError if these are no worker and no halves
 */
export function watch(worker: Worker, ...halves: (PipeReader | PipeWriter)[]): () => void {
  checkObject(worker, 'worker')
  if (typeof worker.once !== 'function') throw new TypeError(`The worker must be a Worker, not ${describe(worker)}`)
  for (const half of halves as (PipeReader | PipeWriter | undefined)[]) {
    const name = half?.half
    if (name !== 'reader' && name !== 'writer') {
      throw new TypeError(`The half must be a PipeReader or a PipeWriter, not ${describe(half)}`)
    }
    checkHalf(half, name)
  }
  const { threadId } = worker
  const onExit = (): void => {
    for (const { memory, half } of halves) {
      const pipe = openMemory(memory)
      if (threadId !== EXITED) noteExit(pipe, threadNumber(threadId))
      endExited(pipe, half)
    }
  }
  if (threadId === EXITED) onExit()
  else worker.once('exit', onExit)
  return () => worker.off('exit', onExit)
}
