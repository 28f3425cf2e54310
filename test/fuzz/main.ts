import { parseArgs } from 'node:util'
import { fuzzHolds } from './holds.ts'
import { fuzzModel } from './model.ts'
import { fuzzScribbles } from './scribbles.ts'
import { fuzzArguments, fuzzHandles } from './supervise.ts'

/**
 * Runs all parts of the fuzz, prints what came of it, and fails with what replays the first case that failed:
 *
 *     node --conditions=threadpipe-source --import ./workers/typescript.js test/fuzz/main.ts --cases 100000 --seed 1
 */

const PARTS = {
  scribbles: { run: fuzzScribbles, share: 0.4 },
  holds: { run: fuzzHolds, share: 0 },
  handles: { run: fuzzHandles, share: 0.2 },
  model: { run: fuzzModel, share: 0.2 },
  arguments: { run: fuzzArguments, share: 0.2 },
}

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '100000' },
    seed: { type: 'string', default: String(Date.now() % 1e6) },
    part: { type: 'string' },
    case: { type: 'string' },
    path: { type: 'string' },
  },
})
const cases = Number(values.cases)
const seed = Number(values.seed)
const only = values.case === undefined ? undefined : Number(values.case)
console.log(`seed ${seed}`)

let failed = false
for (const [name, { run, share }] of Object.entries(PARTS)) {
  if (values.part !== undefined && values.part !== name) continue
  const startedMs = performance.now()
  const wanted = values.part === undefined ? Math.ceil(cases * share) : cases
  try {
    const result = await run({ cases: wanted, seed, only, path: values.path })
    const seconds = (performance.now() - startedMs) / 1000
    console.log(`${name.padEnd(10)} ${String(result.cases).padStart(7)} cases ${seconds.toFixed(1).padStart(7)} s`)
    for (const [outcome, times] of Object.entries(result.outcomes).toSorted(([, a], [, b]) => b - a)) {
      console.log(`${''.padEnd(10)} ${String(times).padStart(9)}  ${outcome}`)
    }
  } catch (error) {
    failed = true
    console.error(error)
  }
}
process.exit(failed ? 1 : 0)
