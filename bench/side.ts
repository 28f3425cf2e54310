import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { consumer, producer, warmUp } from './loads.ts'
import { pin } from './pin.ts'
import { transportNamed } from './transports/all.ts'

/** A thread of a contestant: a sending end, which is told how long to go on; a receiving one, which takes all that comes; one between two others, which passes on what
 * comes; or one that is alone. */

export interface SideData {
  role: 'sender' | 'receiver' | 'relay' | 'alone'
  /** The transport, or what is done alone. */
  name: string
  handle?: unknown
  /** Where a relay sends to. */
  onward?: unknown
  size: number
  /** Whether there is work to do around each send: see `loads`. */
  works: boolean
  /** The core to stay on; any by default. */
  core?: number
}

/** What can be done in one thread. */
export type Alone = 'fill' | 'hash' | 'fill and hash'

const MAX_BATCH = 1024
/** A batch takes less than this, in ms, so that a round ends in time. */
const BATCH_MS = 0.1

const { role, name, handle, onward, size, works, core } = workerData as SideData
const port = parentPort as MessagePort

/** Does something so many times. It is a function of its own, and not async, so that it is compiled as a user's loop would be. @returns a promise if that awaits */
function burst(times: number, once: () => void | Promise<void>): void | Promise<void> {
  for (let i = 0; i < times; i += 1) {
    const done = once()
    if (done !== undefined) return awaitRest(done, times - i - 1, once)
  }
}

async function awaitRest(first: Promise<void>, times: number, once: () => void | Promise<void>): Promise<void> {
  await first
  for (let i = 0; i < times; i += 1) await once()
}

/** Does something for so many ms. @returns the ns that it took each time, `after` included */
async function repeat(
  ms: number,
  once: () => void | Promise<void>,
  after: () => void | Promise<void>,
): Promise<number> {
  const startedMs = performance.now()
  let times = 0
  let elapsedMs = 0
  while (elapsedMs < ms) {
    const awaiting = burst(batch, once)
    if (awaiting !== undefined) await awaiting
    times += batch
    elapsedMs = performance.now() - startedMs
    const batchMs = (elapsedMs / times) * batch
    if (batchMs < BATCH_MS / 2 && batch < MAX_BATCH) batch *= 2
    else if (batchMs > BATCH_MS && batch > 1) batch >>= 1
  }
  await after()
  return ((performance.now() - startedMs) * 1e6) / times
}

let batch = 1
const nothing = (): void => {}

/** Does as it is ordered: a number of ms, answered with a number of ns. */
function serve(round: (ms: number) => Promise<number>): void {
  port.on('message', async (ms: number) => port.postMessage(await round(ms)))
  port.postMessage('ready')
}

if (core !== undefined) pin(core)
if (works) warmUp()

switch (role) {
  case 'receiver': {
    port.postMessage('ready')
    await transportNamed(name).receive(handle, size, works ? consumer() : nothing)
    break
  }
  case 'sender': {
    const { begin, send, flush } = await transportNamed(name).sender(handle, size)
    const produce = works ? producer() : nothing
    serve((ms) => {
      begin?.()
      return repeat(
        ms,
        () => send(produce),
        () => flush?.(),
      )
    })
    break
  }
  case 'relay': {
    const transport = transportNamed(name)
    if (transport.pass === undefined) throw new TypeError(`${name} does not say how to pass on what comes`)
    port.postMessage('ready')
    transport.pass(handle, onward, size)
    break
  }
  case 'alone': {
    const bytes = new Uint8Array(size)
    const [fill, hash] = [producer(), consumer()]
    const kinds: Record<Alone, () => void> = {
      fill: () => fill(bytes),
      hash: () => hash(bytes),
      'fill and hash': () => {
        fill(bytes)
        hash(bytes)
      },
    }
    serve((ms) => repeat(ms, kinds[name as Alone], nothing))
  }
}
