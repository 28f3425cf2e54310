import { workerData } from 'node:worker_threads'
import { type PipeHandle, PipeReader } from 'threadpipe'

export interface DrainTask {
  input: PipeHandle
  /** The size of the target of each read. */
  bytes: number
}

/** A thread that reads a pipe to its end, and does nothing with the bytes. */
const { input, bytes } = workerData as DrainTask
const reader = PipeReader.from(input)
const target = new Uint8Array(bytes)
while (reader.readSync(target) !== null);
