import { parseArgs } from 'node:util'
import { checkKnown, numberOf, readArguments } from '../../workers/arguments.ts'
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

const USAGE = 'Usage: npm run prove:fuzz -- [--cases N] [--seed N] [--part NAME [--case N] [--path PATH]]'
const MAX_CASES = 1e9
const MAX_SEED = 2 ** 31

const { cases, seed, part, only, path } = readArguments(USAGE, () => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { cases: text, seed: text, part: text, case: text, path: text } })
  if (values.part !== undefined) checkKnown('part', values.part, Object.keys(PARTS))
  return {
    cases: numberOf('cases', values.cases ?? '100000', 1, MAX_CASES),
    seed: numberOf('seed', values.seed ?? String(Date.now() % 1e6), 0, MAX_SEED),
    part: values.part,
    only: values.case === undefined ? undefined : numberOf('case', values.case, 0, MAX_CASES),
    path: values.path,
  }
})
console.log(`seed ${seed}`)

let failed = false
for (const [name, { run, share }] of Object.entries(PARTS)) {
  if (part !== undefined && part !== name) continue
  const startedMs = performance.now()
  const wanted = part === undefined ? Math.ceil(cases * share) : cases
  try {
    const result = await run({ cases: wanted, seed, only, path })
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
