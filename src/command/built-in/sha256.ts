import { createHash } from 'node:crypto'
import type { StageIO } from '../../pipeline.ts'
import { type Summary, summarize } from '../summary.ts'

/** Says the SHA-256 of its input as `sha256sum` does. */
export default function sha256({ input, output, data }: StageIO<Summary>): string {
  const hash = createHash('sha256')
  while (input.readInPlaceSync((bytes) => void hash.update(bytes)) !== null);
  return summarize(output, data, `${hash.digest('hex')}  ${data.sourceName}\n`)
}
