import type { Worker } from 'node:worker_threads'
import type { Reply } from '../../workers/calls.ts'
import type { Line } from './caller.ts'

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
