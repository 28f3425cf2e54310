import { between } from '../contestant.ts'
import { native } from '../native.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { limit } from '../transports/limit.ts'
import { fifo, messagePort, messagePortTransfer } from '../transports/others.ts'
import { syncMessagePort } from '../transports/packages.ts'
import { blocking, readInPlace, writtenInPlace } from '../transports/threadpipe.ts'

/** Nothing but handing over: one thread sends as fast as the other takes. */
export const rendezvous: Scenario = {
  name: 'rendezvous',
  title: 'Handing bytes to another thread, one send after the other',
  unit: 'ns per send',
  effort: { rounds: 9, roundMs: 60, warmUpMs: 150, leadMs: 100 },
  ...bySize([1, 64, 1024, 4096, 65_536, 1 << 20, 16 << 20], async (size) => [
    await between(blocking, size),
    await between(readInPlace, size),
    await between(writtenInPlace, size),
    native("Go's io.Pipe", 'go', ['rendezvous', String(size)]),
    native('the limit, in C', 'c', ['rendezvous', String(size)]),
    native('the limit, in C, in place', 'c', ['in-place', String(size)]),
    await between(limit, size),
    await between(messagePort, size),
    await between(messagePortTransfer, size),
    await between(syncMessagePort, size),
    await between(fifo, size),
  ]),
}
