import { copySync } from '../../index.ts'
import type { StageIO } from '../../pipeline.ts'
import { LAST } from './brotli-fragments.ts'

/** Ends a brotli stream that is made of pieces. */
export default function brotliEnd({ input, output }: StageIO): void {
  copySync(output, input)
  output.writeSync(LAST)
}
