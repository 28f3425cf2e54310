import { parentPort } from 'node:worker_threads'
import { PipeReader, PipeWriter } from 'threadpipe'
import { byteOf, type Call, failureName, type Order, type Outcome, type Reply } from './model-call.ts'

/** A thread that makes the calls of model runs, one at a time: blocking or awaited. */

const signals = new Map<number, AbortController>()
let reader: PipeReader | undefined
let writer: PipeWriter | undefined

parentPort?.on('message', async (order: Order) => {
  if ('handles' in order) {
    reader = PipeReader.from(order.handles.reader)
    writer = PipeWriter.from(order.handles.writer)
  } else if ('cancel' in order) signals.get(order.cancel)?.abort()
  else parentPort?.postMessage(await replyTo(order.call))
})

// Tells the lane: this thread has started.
parentPort?.postMessage('started')

async function replyTo(call: Call): Promise<Reply> {
  const startedMs = performance.now()
  const outcome = await outcomeOf(call)
  signals.delete(call.id)
  return { id: call.id, ms: performance.now() - startedMs, ...outcome }
}

async function outcomeOf(call: Call): Promise<Outcome> {
  try {
    return await (call.half === 'writer' ? write(call) : read(call))
  } catch (error) {
    return { failed: failureName(error), bytesWritten: (error as { bytesWritten?: number }).bytesWritten }
  }
}

function optionsOf({ id, timeout, signal }: Call): { timeout?: number; signal?: AbortSignal } {
  const options: { timeout?: number; signal?: AbortSignal } = {}
  if (timeout !== undefined) options.timeout = timeout
  if (signal) {
    const controller = new AbortController()
    signals.set(id, controller)
    options.signal = controller.signal
  }
  return options
}

async function write(call: Call): Promise<{ n: number; bytes: undefined }> {
  const to = writer as PipeWriter
  const { id, kind, awaited, size } = call
  const options = optionsOf(call)
  const fill = (bytes: Uint8Array): void => {
    for (let i = 0; i < bytes.length; i += 1) bytes[i] = byteOf(id, i)
  }
  if (kind === 'in place') {
    const n = awaited ? await to.writeInPlace(size, fill, options) : to.writeInPlaceSync(size, fill, options)
    return { n, bytes: undefined }
  }
  const source = new Uint8Array(size)
  fill(source)
  if (kind === 'pieces') {
    const pieces = [source.subarray(0, size >> 2), source.subarray(size >> 2, size >> 1), source.subarray(size >> 1)]
    return { n: awaited ? await to.writev(pieces, options) : to.writevSync(pieces, options), bytes: undefined }
  }
  return { n: awaited ? await to.write(source, options) : to.writeSync(source, options), bytes: undefined }
}

async function read(call: Call): Promise<{ n: number | null; bytes: Uint8Array | undefined }> {
  const from = reader as PipeReader
  const { kind, awaited, size } = call
  const options = optionsOf(call)
  if (kind === 'next') {
    // Not returned from: that would close the reader.
    const next = awaited ? await from[Symbol.asyncIterator]().next() : from[Symbol.iterator]().next()
    return next.done ? { n: null, bytes: undefined } : { n: next.value.length, bytes: next.value }
  }
  let bytes = new Uint8Array(size)
  if (kind === 'in place') {
    const use = (lent: Uint8Array): number => {
      bytes = lent.slice(0, size)
      return bytes.length
    }
    return { n: awaited ? await from.readInPlace(use, options) : from.readInPlaceSync(use, options), bytes }
  }
  return { n: awaited ? await from.read(bytes, options) : from.readSync(bytes, options), bytes }
}
