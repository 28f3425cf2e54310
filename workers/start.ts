import { pathToFileURL } from 'node:url'
import { Worker, type WorkerOptions } from 'node:worker_threads'

/** What lets a thread run TypeScript that imports `threadpipe` from its source. */
export const THREAD_ARGS = [
  '--conditions=threadpipe-source',
  '--import',
  new URL('./typescript.js', import.meta.url).href,
]

/** Starts a thread from an entry in this folder. */
export function start(entry: string, workerData?: unknown, options?: WorkerOptions): Worker {
  return new Worker(new URL(entry, import.meta.url), { execArgv: THREAD_ARGS, workerData, ...options })
}

/** Whether a module is the program that was started, not one that a test imports. */
export function isProgram(moduleUrl: string): boolean {
  return process.argv[1] !== undefined && moduleUrl === pathToFileURL(process.argv[1]).href
}

/** Ends a program whose output nobody reads any more, as `head` does, without a word; and with one if it cannot be written. */
export function endWhenUnread(): void {
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') process.exit()
    console.error(message)
    process.exit(1)
  })
}
