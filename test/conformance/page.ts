import type { Call, Reply } from '../../workers/calls.ts'
import type { Line } from '../support/caller.ts'
import { anywhere } from './cases.ts'
import { deathsOf } from './deaths.ts'
import { type Outcome, runCases } from './run.ts'

/** Runs the conformance suite in a web page: what `main` is elsewhere. */

interface WebWorker {
  onmessage: (event: { data: Reply }) => void
  onerror: (event: { message: string; preventDefault(): void }) => void
  postMessage(message: Call): void
  terminate(): void
}

declare const Worker: new (url: URL, options: { type: 'module' }) => WebWorker
/** Given by the program that has opened the page. */
declare const report: (outcome: Outcome) => Promise<void>
declare const finished: () => Promise<void>

function startThread(): Line {
  const worker = new Worker(new URL('../../workers/web-runner.js', import.meta.url), { type: 'module' })
  return {
    post: (call) => worker.postMessage(call),
    listen(onReply, onEnd) {
      worker.onmessage = ({ data }) => onReply(data)
      worker.onerror = (event) => {
        event.preventDefault()
        onEnd(new Error(event.message))
      }
    },
    terminate: () => worker.terminate(),
  }
}

await runCases(
  { name: 'browser', threads: 'web', mainMayBlock: false, seesDeaths: false, startThread },
  [...anywhere, ...deathsOf('web')],
  (outcome) => void report(outcome),
)
await finished()
