import type { StageIO } from 'threadpipe/pipeline'
import { mapBlocks } from '../block.ts'
import { Convolver } from '../convolver.ts'
import type { Sound } from '../job.ts'
import { room } from '../room.ts'

/** Puts sound into a room. */
export default function reverb({ input, output, data: { rate } }: StageIO<Sound>): void {
  const convolver = new Convolver(room(rate))
  mapBlocks(input, output, (from, to) => convolver.process(from, to))
}
