import type { StageIO } from '../../pipeline.ts'
import { type Summary, summarize } from '../summary.ts'

/** Says the length of its input as `wc -c` does. */
export default function count({ input, output, data }: StageIO<Summary>): string {
  let total = 0
  for (;;) {
    const n = input.readInPlaceSync((bytes) => bytes.length)
    if (n === null) return summarize(output, data, `${total}\n`)
    total += n
  }
}
