import { parseArgs } from 'node:util'
import ora from 'ora'
import { numberOf, readArguments } from '../../workers/arguments.ts'
import { Crew } from './crew.ts'
import type { Exploration } from './explorer.ts'
import { MAX_BOUND, scenarioNames } from './scenarios/all.ts'

/**
 * Explores all scenarios with one preemption more than the tests do, or as many as are asked for, and prints a table. A scenario that takes longer than
 * its share of time is left with what was seen by then, and the table says so.
 */

const USAGE =
  'Usage: npm run prove:schedules -- [--bound N] [--minutes N, for one scenario] [--scenario TEXT, a part of its name]'

const { bound, limitMs, names } = readArguments(USAGE, () => {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { bound: text, minutes: text, scenario: text } })
  return {
    bound: numberOf('bound', values.bound ?? '3', 0, MAX_BOUND),
    limitMs: numberOf('minutes', values.minutes ?? '5', 0, Infinity) * 60_000,
    names: scenarioNames(values.scenario),
  }
})
const spinner = ora({ isEnabled: process.stderr.isTTY }).start(`${names.length} scenarios`)

const rows: Exploration[] = []
const crew = new Crew(names.map((name) => ({ name, scenario: name, bound, limitMs })))
for (const name of names) {
  spinner.text = `${rows.length} of ${names.length}: ${name}`
  rows.push((await crew.result(name)).exploration)
}
spinner.stop()

const sum = (of: (row: Exploration) => number): number => rows.reduce((total, row) => total + of(row), 0)
const count = (n: number): string => n.toLocaleString('en')
console.log(`| scenario | schedules, up to ${bound} preemptions | in which a thread died | all of them |`)
console.log('| --- | ---: | ---: | --- |')
for (const { name, schedules, kills, complete, fault } of rows) {
  console.log(
    `| ${name} | ${count(schedules)} | ${count(kills)} | ${fault === undefined ? (complete ? 'yes' : 'no: time ran out') : 'FAULT'} |`,
  )
}
console.log(
  `| in all | ${count(sum(({ schedules }) => schedules))} | ${count(sum(({ kills }) => kills))} | ${rows.filter(({ complete }) => complete).length} of ${rows.length} |`,
)

const faults = rows.flatMap(({ fault }) => fault ?? [])
for (const { message, replay } of faults) console.log(`\n${message}\nnpm run replay -- --replay '${replay}'`)
process.exit(faults.length === 0 ? 0 : 1)
