import type { StageIO } from 'threadpipe/pipeline'
import { eachBlock } from '../block.ts'
import { Encoder } from '../encoder.ts'
import type { Sound } from '../job.ts'
import { ENCODED_BYTES } from '../wav-samples.ts'

/** Makes the bytes of a WAV file. @returns their SHA-256, in hex */
export default function encode({ input, output, data: sound }: StageIO<Sound>): string {
  const encoder = new Encoder(sound)
  output.writeSync(encoder.header)
  eachBlock(input, (block) => output.writeInPlaceSync(ENCODED_BYTES, (bytes) => encoder.encode(block, bytes)))
  return encoder.digest()
}
