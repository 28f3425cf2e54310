import { existsSync } from 'node:fs'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { start, THREAD_ARGS } from '../workers/start.ts'
import { Bench, type Runtime, type ThreadOptions } from './conformance/bench.ts'
import { anywhere } from './conformance/cases.ts'
import { deathsOf } from './conformance/deaths.ts'
import { checkRefusals, refusals } from './conformance/main-thread.ts'
import { nodeOnly } from './conformance/node-only.ts'
import { pipelines } from './conformance/pipelines.ts'
import { watchingOf } from './conformance/watching.ts'
import { haveCoresAlone } from './support/alone.ts'
import { Thread } from './support/caller.ts'
import { lineTo } from './support/node-line.ts'

/** The suite that `npm run test:runtimes` runs on every runtime, on this one. */

function startWorker({ memoryMib }: ThreadOptions = {}) {
  const resourceLimits = memoryMib === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: memoryMib } }
  return start('./runner.ts', undefined, { stderr: true, ...resourceLimits })
}

const runtime: Runtime = {
  name: 'Node',
  threads: 'node:worker_threads',
  mainMayBlock: true,
  seesDeaths: existsSync('/proc/self/task'),
  startThread: (options) => lineTo(startWorker(options)),
}
const bench = new Bench(runtime)

afterEach(() => bench.tidy())
afterAll(() => bench.end())

const cases = [...anywhere, ...deathsOf(runtime.threads), ...nodeOnly, ...pipelines, ...watchingOf(startWorker)]

const sharing = cases.filter(({ name }) => name.startsWith('C21'))

for (const { name, run } of cases.filter((one) => !sharing.includes(one))) {
  test(name, async () => {
    expect(await run(bench)).toBe(undefined)
  })
}

describe('contending', () => {
  haveCoresAlone()
  test.each(sharing)('$name', async ({ run }) => {
    expect(await run(bench)).toBe(undefined)
  })
})

test('every case has a name of its own', () => {
  const names = cases.map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

/** A thread in which Atomics.wait does what it does in the main thread of a web page. */
function threadThatMayNotBlock(): Thread {
  const forbid = 'Atomics.wait = () => { throw new TypeError("Atomics.wait cannot be called in this context") }'
  const execArgv = [...THREAD_ARGS, '--import', `data:text/javascript,${encodeURIComponent(forbid)}`]
  return new Thread(lineTo(start('./runner.ts', undefined, { execArgv })))
}

test('where a thread may not block, calls that would have to wait say which call to await', async () => {
  const thread = threadThatMayNotBlock()
  try {
    checkRefusals(await thread.run(refusals, undefined))
  } finally {
    await thread.terminate()
  }
})
