import { workerData } from 'node:worker_threads'
import { type PipeHandle, PipeWriter } from 'threadpipe'

export interface ToneTask {
  output: PipeHandle
  seconds: number
  /** samples a second */
  rate: number
  /** Hz */
  pitch: number
}

/** A thread that makes sound: 16-bit samples of a tone, written in place, a block at a time. */
const { output, seconds, rate, pitch } = workerData as ToneTask
const writer = PipeWriter.from(output)
const BLOCK_SAMPLES = 4096
const BYTES = Int16Array.BYTES_PER_ELEMENT
const LOUDNESS = 0.5 * 0x7fff

const total = seconds * rate
try {
  for (let at = 0; at < total; at += BLOCK_SAMPLES) {
    const count = Math.min(BLOCK_SAMPLES, total - at)
    writer.writeInPlaceSync(count * BYTES, (bytes) => {
      const samples = new Int16Array(bytes.buffer, bytes.byteOffset, count)
      for (let i = 0; i < count; i += 1) samples[i] = LOUDNESS * Math.sin((2 * Math.PI * pitch * (at + i)) / rate)
    })
  }
  writer.close()
} catch (error) {
  writer.closeWithError(error as Error)
}
