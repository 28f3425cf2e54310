import { between } from '../contestant.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { misaligned } from '../transports/misaligned.ts'
import { blocking } from '../transports/threadpipe.ts'

/** Buffers that begin at odd addresses. */
export const misalignedBuffers: Scenario = {
  name: 'misaligned',
  title: 'Sources and targets at odd addresses',
  unit: 'ns per send',
  effort: { rounds: 15, roundMs: 60, warmUpMs: 150 },
  ...bySize([1024, 4096, 65_536, 1 << 20], async (size) => [
    await between(blocking, size),
    await between(misaligned, size),
  ]),
}
