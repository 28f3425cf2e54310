import { between, chain } from '../contestant.ts'
import type { Scenario } from '../scenario.ts'
import { blocking, parking } from '../transports/threadpipe.ts'
import { STAGES } from './chain.ts'

/** Where the threads run is a part of the matter. */
const FREE = { pinned: false }

/** Whether spinning ever costs more than it gains: beside the same pipe when it parks at once. Run it under `taskset -c 0`, too. */
export const spinning: Scenario = {
  name: 'spinning',
  title: 'Spinning before parking, beside parking at once',
  unit: 'ns per send',
  effort: { rounds: 15, roundMs: 100, warmUpMs: 1500, leadMs: 100 },
  by: 'threads',
  setups: [64, 4096].flatMap((size) => [
    {
      label: `2 in a row, ${size} B`,
      start: async () => [await between(blocking, size, FREE), await between(parking, size, FREE)],
    },
    {
      label: `${STAGES} in a row, ${size} B`,
      start: async () => [await chain(blocking, size, STAGES), await chain(parking, size, STAGES)],
    },
  ]),
}
