import { threadId, Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeEach } from 'vitest'

/**
 * A thread stuck in Atomics.wait is out of reach of the test runner's time-outs. So each test process has a watchdog thread,
 * which ends the process and says which test hung when one runs for longer than WATCHDOG_MS, or than it has asked for.
 */
const limitMs = Number(process.env['WATCHDOG_MS'] ?? 60_000)
const NAME_BYTES = 1024
const NAME_AT = 12

const board = new SharedArrayBuffer(NAME_AT + NAME_BYTES)
const words = new Int32Array(board, 0, 3)
const encoder = new TextEncoder()

const RUNNING = 0
const NAME_LENGTH = 1
const LIMIT_MS = 2

const watchdog = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
  workerData: { board, pid: process.pid },
  execArgv: [],
})
watchdog.unref()

/** Lets the running test take so long. */
export function allowMs(ms: number): void {
  Atomics.store(words, LIMIT_MS, ms)
}

beforeEach(({ task }) => {
  const name = encoder.encode(`${task.file.name} > ${task.fullTestName ?? task.name}`).subarray(0, NAME_BYTES)
  new Uint8Array(board, NAME_AT).set(name)
  words[NAME_LENGTH] = name.length
  Atomics.store(words, LIMIT_MS, limitMs)
  Atomics.add(words, RUNNING, 1) // odd: a test is running
})

afterEach(() => {
  Atomics.add(words, RUNNING, 1)
})

afterAll(async () => {
  if (threadId === 0) await watchdog.terminate()
})
