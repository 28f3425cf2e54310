import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { type PipeHandle, PipeReader } from 'threadpipe'

export interface WriteFileTask {
  path: string
  input: PipeHandle
}

const CHUNK_BYTES = 1024 * 1024

/** Writes what comes out of a pipe to a new file, and hashes it on the way. @returns the SHA-256 of what it wrote, in hex */
export default function writeFile({ path, input }: WriteFileTask): string {
  const reader = PipeReader.from(input)
  try {
    const hash = createHash('sha256')
    const chunk = new Uint8Array(CHUNK_BYTES)
    const file = openSync(path, 'wx')
    try {
      for (;;) {
        const n = reader.readSync(chunk)
        if (n === null) break
        hash.update(chunk.subarray(0, n))
        for (let written = 0; written < n; ) written += writeSync(file, chunk, written, n - written)
      }
    } finally {
      closeSync(file)
    }
    return hash.digest('hex')
  } catch (error) {
    reader.closeWithError(error as Error)
    throw error
  }
}
