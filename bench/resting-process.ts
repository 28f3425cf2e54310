import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { pipe } from 'threadpipe'
import type { RestData } from './rest-side.ts'
import { handleOf } from './transports/threadpipe.ts'

/** A process that rests, with nothing in it but one thread that blocks and one at the other end that awaits nothing: sends the CPU time of all, in ms, over `ms`. */

/** Until threads that have just started are at rest, in ms: V8 collects their garbage once more when they have been idle for 8 s. */
const SETTLE_MS = 12_000

const [role, ms] = [process.argv[2] as RestData['role'], Number(process.argv[3])]
const { reader, writer } = pipe()

async function start(role: RestData['role'], handle: RestData['handle']): Promise<void> {
  const workerData: RestData = { role, handle: handleOf(handle), size: 1 }
  await once(new Worker(new URL('./rest-side.js', import.meta.url), { workerData }), 'message')
}

await Promise.all([start(role, reader), start('allocating writer', writer)])
await delay(Math.min(SETTLE_MS, 2 * ms))
const before = process.cpuUsage()
await delay(ms)
const { user, system } = process.cpuUsage(before)
process.send?.((user + system) / 1000, () => process.exit())
