import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { pipe } from 'threadpipe'
import { ask, type Contestant, compiledEntry, startThread, stopThreads } from '../contestant.ts'
import type { RestData } from '../rest-side.ts'
import type { Scenario } from '../scenario.ts'
import { CAPACITY, handleOf } from '../transports/threadpipe.ts'

/** What a pipe costs that does nothing, and what it costs beside the time. */
export const rest: Scenario = {
  name: 'rest',
  title: 'What else a pipe costs',
  unit: 'as the row says',
  effort: { rounds: 3, roundMs: 10_000, warmUpMs: 0, leadMs: 0 },
  by: 'cost',
  setups: [
    {
      label: 'CPU of all threads while a pipe is blocked for 10 s, ms',
      start: async () => [
        blocked(NAME, 'reader'),
        blocked('Atomics.wait', 'sleeper'),
        blocked('Atomics.wait, 220 ms at a time', 'stirring sleeper'),
      ],
    },
    { label: 'memory of a pipe, of 10,000 with a window of 4 KiB, bytes', start: async () => [memory()] },
    { label: 'making a pipe with a window of 4 KiB, ns', start: async () => [making()] },
    { label: 'heap per blocking write of 1 B, of 1,000,000, bytes', start: async () => [await allocation()] },
    ...[16, 64, 4096].map((size) => ({
      label: `heap per write and read of ${size} B, buffered, bytes`,
      start: async () => [await bufferedAllocation(size)],
    })),
  ],
}

const NAME = 'threadpipe'
const PIPES = 10_000
const WINDOW = 4096
/** So much room for young objects that none is collected while they are counted. */
const ROOM = { maxYoungGenerationSizeMb: 512 }
const nothing = async (): Promise<void> => {}

function thread(role: RestData['role'], handle: RestData['handle'], resourceLimits = {}, size = 1) {
  return startThread('rest-side', { role, handle: handleOf(handle), size } satisfies RestData, { resourceLimits })
}

/** Threads that rest, in a process of their own, which is measured as a whole. */
function blocked(name: string, role: RestData['role']): Contestant {
  return {
    name,
    round: async (ms) => {
      const child = fork(await compiledEntry('resting-process'), [role, String(ms)], { execArgv: [] })
      let cpuMs = Number.NaN
      child.once('message', (ms: number) => {
        cpuMs = ms
      })
      const [code, signal] = await once(child, 'exit')
      if (Number.isNaN(cpuMs)) throw new Error(`The process of ${name} ended with ${code ?? signal} and no figure`)
      return cpuMs * (10_000 / Math.max(1, ms))
    },
    stop: nothing,
  }
}

function memory(): Contestant {
  return {
    name: NAME,
    round: async () => {
      const before = process.memoryUsage().rss
      const pipes = Array.from({ length: PIPES }, () => pipe({ window: WINDOW }))
      const after = process.memoryUsage().rss
      return (after - before) / pipes.length
    },
    stop: nothing,
  }
}

function making(): Contestant {
  return {
    name: NAME,
    round: async () => {
      const startedMs = performance.now()
      for (let i = 0; i < PIPES; i += 1) pipe({ window: WINDOW })
      return ((performance.now() - startedMs) * 1e6) / PIPES
    },
    stop: nothing,
  }
}

async function allocation(): Promise<Contestant> {
  const { reader, writer } = pipe()
  const [reading, writing] = await Promise.all([thread('reader', reader), thread('allocating writer', writer, ROOM)])
  return {
    name: NAME,
    round: (ms) => ask(writing, ms),
    stop: () => stopThreads([writing, reading]),
  }
}

/** Writes and reads by turns, in one thread, which a buffer does not block. */
async function bufferedAllocation(size: number): Promise<Contestant> {
  const { writer } = pipe({ capacity: CAPACITY })
  // For this thread alone: what is measured after it has V8's own sizes again.
  setFlagsFromString('--min-semi-space-size=128')
  const both = await thread('allocating pair', writer, ROOM, size)
  setFlagsFromString('--min-semi-space-size=0')
  return { name: NAME, round: (ms) => ask(both, ms), stop: () => stopThreads([both]) }
}
