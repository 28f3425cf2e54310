import { threadId, Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeEach } from 'vitest'

/**
 * A thread stuck in Atomics.wait is out of reach of the test runner's time-outs. So each test process has a watchdog thread,
 * which ends the process and says which test hung when one runs for longer than WATCHDOG_MS.
 */
const limitMs = Number(process.env['WATCHDOG_MS'] ?? 60_000)
const NAME_BYTES = 1024

const board = new SharedArrayBuffer(8 + NAME_BYTES)
const words = new Int32Array(board, 0, 2)
const encoder = new TextEncoder()

const RUNNING = 0
const NAME_LENGTH = 1

const watchdog = new Worker(new URL('./watchdog-thread.js', import.meta.url), {
  workerData: { board, limitMs, pid: process.pid },
  execArgv: [],
})
watchdog.unref()

beforeEach(({ task }) => {
  const name = encoder.encode(`${task.file.name} > ${task.fullTestName ?? task.name}`).subarray(0, NAME_BYTES)
  new Uint8Array(board, 8).set(name)
  words[NAME_LENGTH] = name.length
  Atomics.add(words, RUNNING, 1) // odd: a test is running
})

afterEach(() => {
  Atomics.add(words, RUNNING, 1)
})

afterAll(async () => {
  if (threadId === 0) await watchdog.terminate()
})
