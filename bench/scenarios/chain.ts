import { chain } from '../contestant.ts'
import { native } from '../native.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { fifo } from '../transports/others.ts'
import { blocking, buffered, roomy } from '../transports/threadpipe.ts'

/** Many more than there are cores, on most machines. */
export const STAGES = 8

/** More threads than cores, each waiting for its neighbours. */
export const chained: Scenario = {
  name: 'chain',
  title: `${STAGES} threads in a row, each of which passes on what it gets`,
  unit: 'ns per send',
  effort: { rounds: 9, roundMs: 100, warmUpMs: 200 },
  ...bySize([64, 4096, 65_536], async (size) => [
    await chain(blocking, size, STAGES),
    await chain(buffered, size, STAGES),
    await chain(roomy, size, STAGES),
    await chain(fifo, size, STAGES),
    native("Go's io.Pipe", 'go', ['chain', String(size)]),
  ]),
}
