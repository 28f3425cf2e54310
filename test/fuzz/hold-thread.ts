import { parentPort, workerData } from 'node:worker_threads'
import { PipeReader, PipeWriter } from 'threadpipe'
import type { Held, Hold } from './holds.ts'

/** A thread that makes one call with a time-out, and says how late it was. */

const { handle, awaited, timeout } = workerData as Hold
const bytes = new Uint8Array(1)
const startedMs = performance.now()
let code = 'done'
try {
  if (handle.half === 'writer') {
    const writer = PipeWriter.from(handle)
    if (awaited) await writer.write(bytes, { timeout })
    else writer.writeSync(bytes, { timeout })
  } else {
    const reader = PipeReader.from(handle)
    if (awaited) await reader.read(bytes, { timeout })
    else reader.readSync(bytes, { timeout })
  }
} catch (error) {
  code = String((error as { code?: unknown }).code ?? error)
}
parentPort?.postMessage({ code, lateMs: performance.now() - startedMs - timeout } satisfies Held)
