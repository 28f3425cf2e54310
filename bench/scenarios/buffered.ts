import { between } from '../contestant.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { threadStream } from '../thread-stream.ts'
import { bufferedLimit, sharedLimit } from '../transports/limit.ts'
import { fifo } from '../transports/others.ts'
import { ringbuf } from '../transports/packages.ts'
import { buffered } from '../transports/threadpipe.ts'

/** Small writes into a buffer of 64 KiB, from which another thread takes what is there. */
export const bufferedWrites: Scenario = {
  name: 'buffered',
  title: 'Small writes into a buffer of 64 KiB',
  unit: 'ns per write',
  effort: { rounds: 9, roundMs: 60, warmUpMs: 150, leadMs: 100 },
  ...bySize([1, 16, 64, 256, 1024, 4096], async (size) => [
    await between(buffered, size),
    await between(ringbuf, size),
    await between(bufferedLimit, size),
    await between(sharedLimit, size),
    await between(fifo, size),
    await threadStream(size),
  ]),
}
