import { parseArgs } from 'node:util'
import { type Exploration, Explorer } from './explorer.ts'
import { SCENARIOS } from './scenarios.ts'

/**
 * Explores schedules: as a part of a crew (see `crew`), whose parent sends names of scenarios and gets what came of each; or by hand, one scenario or
 * the replay of one schedule.
 */

/** What the parent asks for. */
export interface Task {
  scenario: string
  bound: number
  limitMs?: number
}

const explorers = new Map<boolean, Explorer>()

async function explorerFor(name: string): Promise<Explorer> {
  const scenario = SCENARIOS.find((scenario) => scenario.name === name)
  if (scenario === undefined)
    throw new RangeError(`there is no scenario "${name}"; there are:\n${SCENARIOS.map(({ name }) => name).join('\n')}`)
  const spins = scenario.spins ?? false
  const explorer = explorers.get(spins) ?? new Explorer({ spins })
  if (!explorers.has(spins)) await explorer.ready()
  explorers.set(spins, explorer)
  return explorer
}

async function explore({ scenario, bound, limitMs }: Task): Promise<Exploration> {
  return (await explorerFor(scenario)).explore(scenario, bound, limitMs)
}

if (process.send !== undefined) {
  process.on('message', async (task: Task) => process.send?.(await explore(task)))
  process.on('disconnect', () => process.exit())
} else {
  const { values } = parseArgs({
    options: { scenario: { type: 'string' }, bound: { type: 'string', default: '2' }, replay: { type: 'string' } },
  })
  if (values.replay !== undefined) {
    const explorer = await explorerFor(values.replay.slice(0, values.replay.lastIndexOf('@')))
    console.log(explorer.replay(values.replay, true) ?? 'nothing went wrong')
  } else {
    for (const { name } of SCENARIOS.filter(({ name }) => name.includes(values.scenario ?? ''))) {
      console.log(await explore({ scenario: name, bound: Number(values.bound) }))
    }
  }
  process.exit()
}
