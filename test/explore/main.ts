import { parseArgs } from 'node:util'
import { type Exploration, Explorer } from './explorer.ts'
import { SCENARIOS } from './scenarios/all.ts'

/**
 * Explores schedules: as a part of a crew (see `crew`), whose parent sends tasks and gets what came of each; or by hand, one scenario or the replay of
 * one schedule.
 */

/** What the parent asks for. */
export interface Task {
  /** What the parent calls it. */
  name: string
  scenario: string
  bound: number
  limitMs?: number
  /** Leaves no schedule out. */
  full?: boolean
  /** Asks for what came of the schedules. */
  outcomes?: boolean
  /** The folder of a mutant's package. */
  mutant?: string
}

export interface Result {
  name: string
  exploration: Exploration
  /** What the schedule of a mutant's fault came to when it was run again. */
  again?: string | undefined
}

const explorers = new Map<boolean, Explorer>()

function spins(name: string): boolean {
  const scenario = SCENARIOS.find((scenario) => scenario.name === name)
  if (scenario === undefined)
    throw new RangeError(`there is no scenario "${name}"; there are:\n${SCENARIOS.map(({ name }) => name).join('\n')}`)
  return scenario.spins ?? false
}

async function explorerFor(name: string): Promise<Explorer> {
  const kind = spins(name)
  const explorer = explorers.get(kind) ?? new Explorer({ spins: kind })
  if (!explorers.has(kind)) await explorer.ready()
  explorers.set(kind, explorer)
  return explorer
}

async function perform(task: Task): Promise<Result> {
  const { name, scenario, bound, mutant } = task
  if (mutant === undefined) {
    return { name, exploration: await (await explorerFor(scenario)).explore(scenario, bound, task) }
  }
  const explorer = new Explorer({ root: mutant, spins: spins(scenario) })
  try {
    await explorer.ready()
    const exploration = await explorer.explore(scenario, bound, task)
    return { name, exploration, again: exploration.fault && explorer.replay(exploration.fault.replay) }
  } finally {
    await explorer.end()
  }
}

if (process.send !== undefined) {
  process.on('message', async (task: Task) => process.send?.(await perform(task)))
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
      console.log((await perform({ name, scenario: name, bound: Number(values.bound) })).exploration)
    }
  }
  process.exit()
}
