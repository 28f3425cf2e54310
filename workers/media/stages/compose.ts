import type { StageIO } from 'threadpipe/pipeline'
import { writeBlock } from '../block.ts'
import type { Piece } from '../music.ts'
import { composed } from '../sources.ts'

/** Makes music. */
export default function compose({ output, data: piece }: StageIO<Piece>): void {
  const source = composed(piece)
  while (writeBlock(output, (block) => source.next(block)));
}
