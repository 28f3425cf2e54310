import type { Worker } from 'node:worker_threads'
import { checkFunction, checkObject } from '../checks.ts'
import { PipeError } from '../errors.ts'
import type { PipeReader } from '../reader.ts'
import type { PipeWriter } from '../writer.ts'

/** What a worker's `threadId` is once it has exited. */
const EXITED = -1

/**
 * Ends, when a worker exits, the halves that were given to it and that it has not closed: the other side gets `ERR_PIPE_PEER_EXITED`, after the
 * bytes that a buffered pipe still holds. It takes a turning event loop in the thread that watches.
 *
 * @param halves the halves that live in the worker, as this thread holds them
 * @returns a function that ends the watch
 */
export function watch(worker: Worker, ...halves: (PipeReader | PipeWriter)[]): () => void {
  checkObject(worker, 'worker')
  checkFunction(worker.once, 'worker')
  for (const half of halves) checkFunction((half as PipeReader | undefined)?.closeWithError, 'half')
  const onExit = (code: number): void => {
    for (const half of halves) {
      half.closeWithError(
        new PipeError(
          'ERR_PIPE_PEER_EXITED',
          `The thread of the pipe's ${half.half} exited with code ${code} and had not closed it`,
        ),
      )
    }
  }
  if (worker.threadId === EXITED) onExit(EXITED)
  else worker.once('exit', onExit)
  return () => worker.off('exit', onExit)
}
