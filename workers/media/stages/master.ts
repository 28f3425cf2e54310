import type { StageIO } from 'threadpipe/pipeline'
import { mapBlocks } from '../block.ts'
import type { Sound } from '../job.ts'
import { Master, type Measures } from '../master.ts'

/** Passes sound on, limited, and measures it. */
export default function master({ input, output, data: { rate } }: StageIO<Sound>): Measures {
  const hand = new Master(rate)
  mapBlocks(input, output, (from, to) => hand.process(from, to))
  return hand.result()
}
