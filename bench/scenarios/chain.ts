import { chain } from '../contestant.ts'
import { native } from '../native.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { sleepingLimit } from '../transports/limit.ts'
import { fifo } from '../transports/others.ts'
import { blocking, buffered, passedInPlace, roomy } from '../transports/threadpipe.ts'

/** Many more than there are cores, on most machines. */
export const STAGES = 8

/** More threads than cores, each waiting for its neighbours. */
export const chained: Scenario = {
  name: 'chain',
  title: `${STAGES} threads in a row, each of which passes on what it gets`,
  unit: 'ns per send',
  // Each of the threads compiles for itself, and on two cores it takes them seconds to come to the end of that.
  effort: { rounds: 11, roundMs: 150, warmUpMs: 2500, leadMs: 100 },
  ...bySize([64, 4096, 65_536], async (size) => [
    await chain(blocking, size, STAGES),
    await chain(buffered, size, STAGES),
    await chain(roomy, size, STAGES),
    await chain(passedInPlace, size, STAGES),
    await chain(sleepingLimit, size, STAGES),
    native('the limit, in C', 'c', ['chain', String(size)]),
    await chain(fifo, size, STAGES),
    native("Go's io.Pipe", 'go', ['chain', String(size)]),
  ]),
}
