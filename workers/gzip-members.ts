import { gzipSync } from 'node:zlib'
import { type PipeHandle, PipeReader, PipeWriter, readAtLeastSync } from 'threadpipe'

export interface GzipTask {
  input: PipeHandle
  output: PipeHandle
}

/** What one member holds, in bytes: large enough that a dictionary which starts anew costs little. */
const MEMBER_BYTES = 1024 * 1024

/** Compresses what comes out of a pipe into another one, as a stream of gzip members. @returns the number of members */
export default function gzipMembers({ input, output }: GzipTask): number {
  const reader = PipeReader.from(input)
  const writer = PipeWriter.from(output)
  try {
    const block = new Uint8Array(MEMBER_BYTES)
    let members = 0
    for (let n = fill(reader, block); n > 0 || members === 0; n = fill(reader, block)) {
      writer.writeSync(gzipSync(block.subarray(0, n)))
      members += 1
      if (n < block.length) break
    }
    writer.close()
    return members
  } catch (error) {
    reader.closeWithError(error as Error)
    writer.closeWithError(error as Error)
    throw error
  }
}

/** Fills a block, the last one as far as there is input. @returns bytes */
function fill(reader: PipeReader, block: Uint8Array): number {
  let filled = 0
  while (filled < block.length) {
    const n = readAtLeastSync(reader, block.subarray(filled), 1)
    if (n === null) break
    filled += n
  }
  return filled
}
