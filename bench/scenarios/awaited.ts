import { between } from '../contestant.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { roomyLimit } from '../transports/limit.ts'
import { messagePort, messagePortTransfer, webStreams } from '../transports/others.ts'
import { awaited, awaitedReader, awaitedWriter, roomyAwaitedReader } from '../transports/threadpipe.ts'

/** One end, or both, await: their event loops turn. */
export const awaitedSends: Scenario = {
  name: 'awaited',
  title: 'Ends that await',
  unit: 'ns per send',
  effort: { rounds: 9, roundMs: 60, warmUpMs: 150 },
  ...bySize([1, 1024, 65_536, 1 << 20], async (size) => [
    await between(awaitedReader, size),
    await between(awaitedWriter, size),
    await between(awaited, size),
    await between(roomyAwaitedReader, size),
    await between(roomyLimit, size),
    await between(messagePort, size),
    await between(messagePortTransfer, size),
    await between(webStreams, size),
  ]),
}
