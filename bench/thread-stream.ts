import { once } from 'node:events'
import ThreadStream from 'thread-stream'
import { type Contestant, compiledEntry } from './contestant.ts'
import { CAPACITY } from './transports/threadpipe.ts'

/** `thread-stream`: brings a thread of its own, takes strings, and is written to from this thread. */

const BATCH = 64

export async function threadStream(size: number): Promise<Contestant> {
  const filename = await compiledEntry('sink')
  const stream = new ThreadStream({ filename, bufferSize: CAPACITY, sync: false })
  await once(stream, 'ready')
  const text = 'x'.repeat(size)
  return {
    name: 'thread-stream',
    round: async (ms) => {
      const startedMs = performance.now()
      let writes = 0
      while (performance.now() - startedMs < ms) {
        for (let i = 0; i < BATCH; i += 1) if (!stream.write(text)) await once(stream, 'drain')
        writes += BATCH
      }
      await new Promise<void>((resolve) => stream.flush(() => resolve()))
      return ((performance.now() - startedMs) * 1e6) / writes
    },
    stop: async () => {
      const closed = once(stream, 'close')
      stream.end()
      await closed
    },
  }
}
