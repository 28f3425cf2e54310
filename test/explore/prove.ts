import { parseArgs } from 'node:util'
import ora from 'ora'
import { Crew } from './crew.ts'
import type { Exploration } from './explorer.ts'
import { SCENARIOS } from './scenarios/all.ts'

/**
 * Explores all scenarios with one preemption more than the tests do, or as many as are asked for, and prints a table. A scenario that takes longer than
 * its share of time is left with what was seen by then, and the table says so.
 */

const { values } = parseArgs({
  options: {
    bound: { type: 'string', default: '3' },
    /** Minutes for one scenario, at most. */
    minutes: { type: 'string', default: '5' },
    scenario: { type: 'string', default: '' },
  },
})
const bound = Number(values.bound)
const limitMs = Number(values.minutes) * 60_000
const names = SCENARIOS.map(({ name }) => name).filter((name) => name.includes(values.scenario))
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
