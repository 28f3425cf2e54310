import type { Task } from './main.ts'
import { MUTANTS } from './mutants.ts'
import { SCENARIOS } from './scenarios/all.ts'

/** What the tests explore: all scenarios, some of them with nothing left out, and the mutants. */

const BOUND = 2

/** Scenarios that are small enough to leave nothing out. */
export const SMALL = [
  '1 × 1: a write larger than the window',
  'both give up at their time-outs, and the next write is whole',
  'buffered 1 × 1: over the edge of 31 bits',
  'awaited writer gives up at its time-out',
  'the writer dies',
]

/** The task that explores a scenario in full. */
export function inFull(name: string): string {
  return `${name}, with nothing left out`
}

/** @param mutants the folder of each mutant's package, by name */
export function tasks(mutants: ReadonlyMap<string, string>): Task[] {
  return [
    ...SCENARIOS.map(({ name }) => ({ name, scenario: name, bound: BOUND, outcomes: SMALL.includes(name) })),
    ...SMALL.map((name) => ({ name: inFull(name), scenario: name, bound: BOUND, outcomes: true, full: true })),
    ...MUTANTS.map(({ name, scenario, bound, full = false }) => ({
      name,
      scenario,
      bound,
      full,
      mutant: mutants.get(name) as string,
    })),
  ]
}
