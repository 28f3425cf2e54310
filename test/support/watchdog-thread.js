import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

const { board, pid } = workerData
const words = new Int32Array(board, 0, 3)
const [RUNNING, NAME_LENGTH, LIMIT_MS] = [0, 1, 2]
const NAME_AT = 12
const STDERR = 2
const POLL_MS = 250

let seen = Atomics.load(words, RUNNING)
let sinceMs = performance.now()
for (;;) {
  Atomics.wait(words, RUNNING, seen, POLL_MS)
  const now = Atomics.load(words, RUNNING)
  if (now !== seen || now % 2 === 0) {
    seen = now
    sinceMs = performance.now()
  } else if (performance.now() - sinceMs > Atomics.load(words, LIMIT_MS)) {
    const name = new TextDecoder().decode(new Uint8Array(board, NAME_AT, words[NAME_LENGTH]).slice())
    writeSync(STDERR, `\nwatchdog: this test hung for ${words[LIMIT_MS]} ms, and its process is ended: ${name}\n`)
    process.kill(pid, 'SIGKILL')
  }
}
