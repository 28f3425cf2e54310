import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { type PipeHandle, PipeWriter, pipe } from 'threadpipe'

/**
 * C24, for a whole program: a pending await keeps the event loop alive, and a settled one does not. Nothing else keeps this one alive, so it
 * would end without its word, or never.
 */
const LATE_MS = 400

if (isMainThread) {
  const { reader, writer } = pipe()
  new Worker(new URL(import.meta.url), { workerData: { memory: writer.memory, half: 'writer' } }).unref()
  const target = new Uint8Array(8)
  const n = await reader.read(target, { timeout: 10_000 })
  console.log(new TextDecoder().decode(target.subarray(0, n ?? 0)))
  void pipe()
    .reader.read(target, { timeout: 50 })
    .catch(() => {})
} else {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LATE_MS)
  PipeWriter.from(workerData as PipeHandle).writeSync('alive')
}
