import type { StageIO } from 'threadpipe/pipeline'
import { writeBlock } from '../block.ts'
import { decoded } from '../sources.ts'

/** Makes blocks of the bytes of a WAV file. */
export default function decode({ input, output }: StageIO): void {
  const source = decoded(input)
  while (writeBlock(output, (block) => source.next(block)));
}
