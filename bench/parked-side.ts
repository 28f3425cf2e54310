import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type PipeHandle, PipeReader, PipeWriter } from 'threadpipe'
import { median } from './measure.ts'
import { pin } from './pin.ts'

/** A thread that plays ping-pong, and pauses before each answer for so long that the other one sleeps. */

export interface ParkedData {
  role: 'ask' | 'answer'
  kind: 'threadpipe' | 'atomics'
  handle: ParkedHandle
}

export interface ParkedHandle {
  input?: PipeHandle
  output?: PipeHandle
  /** Counts the hand-overs: who asks makes it odd, who answers makes it even. */
  word?: SharedArrayBuffer
}

/** Longer than anybody spins, in ms. */
const PAUSE_MS = 0.5

const { role, kind, handle } = workerData as ParkedData
const port = parentPort as MessagePort

interface End {
  /** Hands over to the other side. */
  pass(): void
  /** Sleeps until the other side has handed over. */
  await(): void
}

function pipeEnd({ input, output }: ParkedHandle): End {
  const [reader, writer] = [PipeReader.from(input as PipeHandle), PipeWriter.from(output as PipeHandle)]
  const bytes = new Uint8Array(1)
  return { pass: () => void writer.writeSync(bytes), await: () => void reader.readSync(bytes) }
}

function atomicsEnd({ word }: ParkedHandle): End {
  const words = new Int32Array(word as SharedArrayBuffer)
  const mine = role === 'ask' ? 0 : 1
  return {
    pass: () => {
      Atomics.add(words, 0, 1)
      Atomics.notify(words, 0)
    },
    await: () => {
      for (let seen = Atomics.load(words, 0); seen % 2 !== mine; seen = Atomics.load(words, 0))
        Atomics.wait(words, 0, seen)
    },
  }
}

function pause(): void {
  const endMs = performance.now() + PAUSE_MS
  while (performance.now() < endMs);
}

pin(role === 'ask' ? 0 : 1)
const end = kind === 'threadpipe' ? pipeEnd(handle) : atomicsEnd(handle)
port.postMessage('ready')
if (role === 'answer') {
  for (;;) {
    end.await()
    pause()
    end.pass()
  }
}
port.on('message', (ms: number) => {
  const untilMs = performance.now() + ms
  const waitedMs: number[] = []
  while (performance.now() < untilMs) {
    pause()
    const startedMs = performance.now()
    end.pass()
    end.await()
    waitedMs.push(performance.now() - startedMs - PAUSE_MS)
  }
  // Not the mean: now and then the system takes a core away for a millisecond, which is twenty round trips.
  port.postMessage(median(waitedMs) * 1e6)
})
