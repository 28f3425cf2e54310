import { existsSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { Call, Reply } from '../../workers/calls.ts'
import type { Line } from '../support/caller.ts'
import { lineTo } from '../support/node-line.ts'
import type { Runtime, ThreadOptions } from './bench.ts'
import { anywhere } from './cases.ts'
import { deathsOf } from './deaths.ts'
import { nodeOnly } from './node-only.ts'
import { pipelines } from './pipelines.ts'
import { runCases } from './run.ts'
import { watchingOf } from './watching.ts'

/**
 * Runs the conformance suite on Node, Deno or Bun, as plain JavaScript, and prints what came of each case as a line of JSON, and `finished` at its end.
 * Its argument is the kind of threads: `node:worker_threads` or `web`.
 */

/** What the global of that name is where there are web Workers. */
interface WebWorker {
  onmessage: (event: { data: Reply }) => void
  onerror: (event: { message?: string; preventDefault?(): void }) => void
  postMessage(message: Call): void
  terminate(): void
}

function startNodeWorker({ memoryMib }: ThreadOptions = {}): Worker {
  const resourceLimits = memoryMib === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMib } }
  // What a thread says of an error that is meant is nobody's concern.
  return new Worker(new URL('../../workers/runner.js', import.meta.url), { stderr: true, ...resourceLimits })
}

function startWebWorker(): Line {
  const { Worker } = globalThis as unknown as { Worker: new (url: URL, options: { type: 'module' }) => WebWorker }
  const worker = new Worker(new URL('../../workers/web-runner.js', import.meta.url), { type: 'module' })
  return {
    post: (call) => worker.postMessage(call),
    listen(onReply, onEnd) {
      worker.onmessage = ({ data }) => onReply(data)
      worker.onerror = (event) => {
        event.preventDefault?.()
        onEnd(new Error(event.message ?? 'the Worker failed'))
      }
    },
    terminate: () => worker.terminate(),
  }
}

const threads = process.argv[2] === 'web' ? 'web' : 'node:worker_threads'
const { Bun, Deno } = globalThis as { Bun?: unknown; Deno?: unknown }
const runtime: Runtime = {
  name: Bun !== undefined ? 'Bun' : Deno !== undefined ? 'Deno' : 'Node',
  threads,
  mainMayBlock: true,
  seesDeaths: existsSync('/proc/self/task'),
  startThread: threads === 'web' ? startWebWorker : (options) => lineTo(startNodeWorker(options)),
}
const cases = [
  ...anywhere,
  ...deathsOf(threads),
  ...nodeOnly,
  ...pipelines,
  ...(threads === 'web' ? [] : watchingOf(startNodeWorker)),
]
await runCases(runtime, cases, (outcome) => console.log(JSON.stringify(outcome)))
console.log('finished')
