import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Transferable, Worker, type WorkerOptions } from 'node:worker_threads'
import { type Compiled, compile } from '../workers/compile.ts'
import type { Alone, SideData } from './side.ts'
import type { Transport } from './transports/transport.ts'

/** What is measured in turn with others: each round gives a figure, as a rule ns per operation. */
export interface Contestant {
  readonly name: string
  round(ms: number): Promise<number>
  /** Where several threads do the same: what the slowest did, over all rounds, as a share of what the fastest did. */
  fairness?(): number
  stop(): Promise<void>
}

/** A contestant that cannot run here. */
export interface Missing {
  readonly name: string
  readonly missing: string
}

let compiled: Promise<Compiled> | undefined

/** Removes what contestants were compiled to. */
export async function cleanUp(): Promise<void> {
  await compiled?.then(({ remove }) => remove())
  compiled = undefined
}

/** How the two ends of a transport are held. */
interface Ends {
  /** Whether there is work to do around each send. */
  works?: boolean
  /** Whether each end stays on a core of its own. */
  pinned?: boolean
}

const CORES = { sender: 0, receiver: 1 } as const

/** A transport between two new threads. */
export async function between(
  transport: Transport,
  size: number,
  { works = false, pinned = true }: Ends = {},
): Promise<Contestant> {
  const { name, entry } = transport
  const link = await transport.make(size)
  const side = (role: 'sender' | 'receiver'): Promise<Worker> => {
    const handle = link[role]
    const transferList = (link.transfer ?? []).filter((value) => (value as unknown) === handle)
    const place = pinned ? { core: CORES[role] } : {}
    return startSide({ role, name, handle, size, works, ...place }, entry, transferList)
  }
  const [receiver, sender] = await Promise.all([side('receiver'), side('sender')])
  return {
    name,
    round: (ms) => ask(sender, ms),
    stop: async () => {
      await stopThreads([sender, receiver])
      link.remove?.()
    },
  }
}

/** Many threads that send, many that receive, all through one link of a blocking transport. */
export async function crowd(
  transport: Transport,
  size: number,
  senders: number,
  receivers: number,
): Promise<Contestant> {
  const { name, entry } = transport
  const link = await transport.make(size)
  const sides = (role: 'sender' | 'receiver', count: number): Promise<Worker[]> =>
    Promise.all(
      Array.from({ length: count }, () => startSide({ role, name, handle: link[role], size, works: false }, entry)),
    )
  const [receiving, sending] = await Promise.all([sides('receiver', receivers), sides('sender', senders)])
  const sent = sending.map(() => 0)
  return {
    name,
    round: async (ms) => {
      const figures = await Promise.all(sending.map((worker) => ask(worker, ms)))
      const rates = figures.map((ns) => 1 / ns)
      for (const [i, rate] of rates.entries()) sent[i] = (sent[i] as number) + rate
      return 1 / rates.reduce((sum, rate) => sum + rate, 0)
    },
    fairness: () => Math.min(...sent) / Math.max(...sent),
    stop: async () => {
      await stopThreads([...sending, ...receiving])
      link.remove?.()
    },
  }
}

/** Threads in a row, joined by links of a blocking transport: the first sends, the last takes, those between pass on. */
export async function chain(transport: Transport, size: number, stages: number): Promise<Contestant> {
  const { name, entry } = transport
  const links = await Promise.all(Array.from({ length: stages - 1 }, () => transport.make(size)))
  const base = { name, size, works: false }
  const workers = await Promise.all([
    startSide({ ...base, role: 'receiver', handle: links.at(-1)?.receiver }, entry),
    ...links
      .slice(1)
      .map((link, i) => startSide({ ...base, role: 'relay', handle: links[i]?.receiver, onward: link.sender }, entry)),
    startSide({ ...base, role: 'sender', handle: links[0]?.sender }, entry),
  ])
  return {
    name,
    round: (ms) => ask(workers.at(-1) as Worker, ms),
    stop: async () => {
      await stopThreads(workers.toReversed())
      for (const { remove } of links) remove?.()
    },
  }
}

/** Work in a single thread. */
export async function alone(name: Alone, size: number): Promise<Contestant> {
  const worker = await startSide({ role: 'alone', name, size, works: true })
  return {
    name,
    round: (ms) => ask(worker, ms),
    stop: () => stopThreads([worker]),
  }
}

function startSide(data: SideData, entry = 'side', transferList: Transferable[] = []): Promise<Worker> {
  return startThread(entry, data, { transferList })
}

const ENTRIES = ['side', 'parking-side', 'parked-side', 'rest-side', 'resting-process', 'sink']

/** Where a thread entry of this folder lies as plain JavaScript. */
export async function compiledEntry(entry: string): Promise<string> {
  compiled ??= compile(
    'bench',
    ENTRIES.map((name) => `bench/${name}.ts`),
    'published',
  )
  return fileURLToPath(new URL(`bench/${entry}.js`, (await compiled).root))
}

/** Starts a thread entry of this folder, compiled. @returns it once it has said that it is ready */
export async function startThread(entry: string, workerData: unknown, options: WorkerOptions = {}): Promise<Worker> {
  const worker = new Worker(await compiledEntry(entry), { workerData, execArgv: [], ...options })
  await once(worker, 'message')
  return worker
}

/** Ends threads of a contestant: those that receive may learn of the end of the others, and fail. */
export async function stopThreads(workers: readonly Worker[]): Promise<void> {
  for (const worker of workers) worker.on('error', () => {})
  // One after the other: a receiver that the kernel holds in a read can end only when its sender has.
  for (const worker of workers) await worker.terminate()
}

/** Orders a round of a thread. */
export async function ask(worker: Worker, ms: number): Promise<number> {
  worker.postMessage(ms)
  const [figure] = (await once(worker, 'message')) as [number]
  return figure
}
