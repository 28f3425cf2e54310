import type { StageIO } from 'threadpipe/pipeline'
import { filterBlocks } from '../block.ts'
import { type Encoded, Encoder } from '../encoder.ts'
import type { Sound } from '../job.ts'
import { ENCODED_BYTES } from '../wav-samples.ts'

/** Makes the bytes of a WAV file. */
export default function encode({ input, output, data: sound }: StageIO<Sound>): Encoded {
  const encoder = new Encoder(sound)
  output.writeSync(encoder.header)
  filterBlocks(input, output, ENCODED_BYTES, (block, bytes) => encoder.encode(block, bytes))
  return encoder.result()
}
