import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import ora from 'ora'
import { checkKnown, readArguments } from '../workers/arguments.ts'
import { aimsTable } from './aims.ts'
import { chart } from './chart.ts'
import { cleanUp } from './contestant.ts'
import { machine } from './machine.ts'
import { isHere, isMissing, measure } from './measure.ts'
import { speedTable, withSpeedTable } from './readme.ts'
import { machineText, type Point, resultOf, table } from './report.ts'
import type { Scenario } from './scenario.ts'
import { SCENARIOS } from './scenarios/all.ts'

/**
 * `npm run bench [-- --quick] [--scenario NAME]`: measures threadpipe beside others, all in one run and in turn. Prints tables; a run that is not quick also
 * files them, with charts, under `bench/results`, and the table of the README.
 */

const RESULTS = new URL('results/', import.meta.url)
const README = new URL('../README.md', import.meta.url)

const {
  quick,
  scenario: only,
  out,
} = readArguments('Usage: npm run bench -- [--quick] [--scenario NAME] [--out FOLDER]', () => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      scenario: { type: 'string' },
      out: { type: 'string', default: RESULTS.pathname },
    },
  })
  const names = SCENARIOS.map(({ name }) => name)
  if (values.scenario !== undefined) checkKnown('scenario', values.scenario, names)
  return values
})

/** A quick run is to see that everything runs, not to measure. */
const QUICK = { rounds: 2, roundMs: 10, warmUpMs: 10, leadMs: 0 }

const chosen = SCENARIOS.filter(({ name }) => only === undefined || name === only)
const here = machine()
const spinner = ora({ isEnabled: process.stderr.isTTY }).start()

async function run(scenario: Scenario): Promise<Point[]> {
  const points: Point[] = []
  for (const { label, start } of scenario.setups) {
    spinner.text = `${scenario.name}, ${label}`
    const all = await start()
    const missing = all.filter(isMissing)
    const figures = await measure(all.filter(isHere), quick ? QUICK : scenario.effort)
    points.push({ label, figures, missing })
  }
  return points
}

try {
  console.log(machineText(here))
  for (const scenario of chosen) {
    const result = resultOf(scenario, here, await run(scenario))
    const text = [table(result), scenario.summary?.(result.points)].filter((part) => part !== undefined).join('\n\n')
    spinner.clear()
    console.log(`\n${text}`)
    if (quick) continue
    mkdirSync(out, { recursive: true })
    const file = (extension: string): string => `${out}/${scenario.name}.${extension}`
    writeFileSync(file('json'), `${JSON.stringify(result, undefined, 2)}\n`)
    writeFileSync(file('md'), `${text}\n\n${machineText(here)}\n`)
    writeFileSync(file('svg'), chart(result, scenario.drawn?.(result.points)))
  }
  if (!quick && out === RESULTS.pathname) {
    writeFileSync(README, withSpeedTable(readFileSync(README, 'utf8'), speedTable(RESULTS)))
    writeFileSync(new URL('aims.md', RESULTS), `${aimsTable(RESULTS)}\n`)
  }
} finally {
  spinner.stop()
  await cleanUp()
}
process.exit()
