import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { toReadable, toWritable } from '../../node.ts'
import type { StageIO } from '../../pipeline.ts'

/** Decompresses a gzip file, of one member or many. */
export default async function gunzip({ input, output }: StageIO): Promise<void> {
  await pipeline(toReadable(input), createGunzip(), toWritable(output))
  // Node takes nothing for a whole file.
  if (input.stats().bytesRead === 0) throw new Error('unexpected end of file')
}
