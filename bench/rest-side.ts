import { PerformanceObserver } from 'node:perf_hooks'
import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { type PipeHandle, PipeReader, PipeWriter } from 'threadpipe'

/** A thread that only blocks, in a pipe or without one; or one that writes, or reads as well, and says how many bytes of its heap each call took. */

export interface RestData {
  role: 'reader' | 'allocating writer' | 'allocating pair' | 'sleeper' | 'stirring sleeper'
  handle: PipeHandle
  /** Of a write, in bytes. */
  size: number
}

const CALLS = 1_000_000
/** How often a thread that blocks for long looks whether its peers live. */
const LOOK_MS = 220

const { role, handle, size } = workerData as RestData
const port = parentPort as MessagePort
const bytes = new Uint8Array(size)

switch (role) {
  case 'reader': {
    const reader = PipeReader.from(handle)
    port.postMessage('ready')
    while (reader.readSync(bytes) !== null);
    break
  }
  case 'sleeper':
  case 'stirring sleeper': {
    const ms = role === 'sleeper' ? Number.POSITIVE_INFINITY : LOOK_MS
    const word = new Int32Array(new SharedArrayBuffer(4))
    port.postMessage('ready')
    for (;;) Atomics.wait(word, 0, 0, ms)
  }
  case 'allocating writer': {
    const writer = PipeWriter.from(handle)
    tellAllocation(() => writer.writeSync(bytes))
    break
  }
  case 'allocating pair': {
    const writer = PipeWriter.from(handle)
    const reader = PipeReader.from({ ...handle, half: 'reader' })
    tellAllocation(() => {
      writer.writeSync(bytes)
      reader.readSync(bytes)
    })
  }
}

/** Tells, each time it is asked, how many bytes of the heap a call took. */
function tellAllocation(call: () => void): void {
  let collections = 0
  new PerformanceObserver((list) => (collections += list.getEntries().length)).observe({ entryTypes: ['gc'] })
  port.on('message', async () => {
    for (let i = 0; i < CALLS / 10; i += 1) call()
    await new Promise(setImmediate)
    collections = 0
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < CALLS; i += 1) call()
    const after = process.memoryUsage().heapUsed
    await new Promise(setImmediate)
    // What was collected meanwhile is not seen: then the figure says nothing.
    port.postMessage(collections === 0 ? Math.max(0, after - before) / CALLS : Number.NaN)
  })
  port.postMessage('ready')
}
