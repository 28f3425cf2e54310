import type { StageIO } from 'threadpipe/pipeline'
import { writeBlocks } from '../block.ts'
import { decoded } from '../sources.ts'

/** Makes blocks of the bytes of a WAV file. */
export default function decode({ input, output }: StageIO): void {
  writeBlocks(output, decoded(input))
}
