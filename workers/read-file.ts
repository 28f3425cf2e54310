import { createHash } from 'node:crypto'
import { closeSync, openSync, readSync } from 'node:fs'
import { type PipeHandle, PipeWriter } from 'threadpipe'

export interface ReadFileTask {
  path: string
  output: PipeHandle
}

const CHUNK_BYTES = 1024 * 1024

/** Reads a file into a pipe, and hashes it on the way. @returns the SHA-256 of what it read, in hex */
export default function readFile({ path, output }: ReadFileTask): string {
  const writer = PipeWriter.from(output)
  try {
    const hash = createHash('sha256')
    const chunk = new Uint8Array(CHUNK_BYTES)
    const file = openSync(path, 'r')
    try {
      for (;;) {
        const n = readSync(file, chunk)
        if (n === 0) break
        const bytes = chunk.subarray(0, n)
        hash.update(bytes)
        writer.writeSync(bytes)
      }
    } finally {
      closeSync(file)
    }
    writer.close()
    return hash.digest('hex')
  } catch (error) {
    writer.closeWithError(error as Error)
    throw error
  }
}
