import type { StageIO } from 'threadpipe/pipeline'
import { writeBlocks } from '../block.ts'
import type { Piece } from '../music.ts'
import { composed } from '../sources.ts'

/** Makes music. */
export default function compose({ output, data: piece }: StageIO<Piece>): void {
  writeBlocks(output, composed(piece))
}
