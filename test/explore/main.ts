import { parseArgs } from 'node:util'
import { numberOf, readArguments } from '../../workers/arguments.ts'
import { type Exploration, Explorer } from './explorer.ts'
import { MAX_BOUND, scenarioNamed, scenarioNames } from './scenarios/all.ts'

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
  return scenarioNamed(name).spins ?? false
}

/** A replay's text is the name of its scenario, and behind an @ what came of it. */
function scenarioOf(replay: string): string {
  return replay.slice(0, Math.max(0, replay.lastIndexOf('@')))
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
  const usage = 'Usage: npm run replay -- --replay TEXT | [--scenario TEXT, a part of its name] [--bound N]'
  const text = { type: 'string' } as const
  const { names, replay, bound } = readArguments(usage, () => {
    const { values } = parseArgs({ options: { scenario: text, bound: text, replay: text } })
    if (values.replay !== undefined) scenarioNamed(scenarioOf(values.replay))
    return {
      names: scenarioNames(values.scenario),
      replay: values.replay,
      bound: numberOf('bound', values.bound ?? '2', 0, MAX_BOUND),
    }
  })
  if (replay !== undefined) {
    const explorer = await explorerFor(scenarioOf(replay))
    console.log(explorer.replay(replay, true) ?? 'nothing went wrong')
  } else {
    for (const name of names) {
      console.log((await perform({ name, scenario: name, bound })).exploration)
    }
  }
  process.exit()
}
