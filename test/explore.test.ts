import { afterAll, describe, expect, test } from 'vitest'
import { exploreAll } from './explore/crew.ts'
import { Explorer } from './explore/explorer.ts'
import { MUTANTS, plant } from './explore/mutants.ts'
import { SCENARIOS } from './explore/scenarios.ts'
import { allowMs } from './support/watchdog.ts'

/**
 * Every schedule of the scenarios with at most two preemptions, or one where there are four threads: the shipped code in real threads, each of which takes its steps when it is told to. In each
 * schedule the rules of the contract are looked after, and that nobody sleeps who should have been told, and that no byte is touched without an edge.
 * `npm run prove` goes further.
 */

/** Preemptions: with four threads there are 200,000 schedules with two, which `npm run prove` runs. */
const boundOf = (threads: number): number => (threads < 4 ? 2 : 1)
const LIMIT_MS = 600_000

const totals = { schedules: 0, deaths: 0, steps: 0 }
const explorations = exploreAll(SCENARIOS.map(({ name, parts }) => ({ scenario: name, bound: boundOf(parts.length) })))
const begunMs = performance.now()

describe('every schedule', () => {
  test.each(SCENARIOS.map(({ name }) => name))('%s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const { fault, complete, schedules, kills, steps } = await (explorations.get(name) as NonNullable<
      ReturnType<typeof explorations.get>
    >)
    expect(fault).toBe(undefined)
    expect(complete).toBe(true)
    expect(schedules).toBeGreaterThan(1)
    totals.schedules += schedules
    totals.deaths += kills
    totals.steps += steps
  })

  afterAll(() => {
    console.log(
      `${totals.schedules} schedules, in ${totals.deaths} of which a thread died; ${totals.steps} steps; ${Math.round((performance.now() - begunMs) / 1000)} s`,
    )
  })
})

describe('the exploration finds what is wrong', () => {
  test.each(MUTANTS)('$name', { timeout: LIMIT_MS }, async (mutant) => {
    const { root, remove } = plant(mutant)
    const explorer = new Explorer({
      root,
      spins: SCENARIOS.find(({ name }) => name === mutant.scenario)?.spins ?? false,
    })
    try {
      await explorer.ready()
      const { fault } = await explorer.explore(mutant.scenario, mutant.bound)
      expect(fault?.message).toEqual(expect.any(String))
      // The same schedule again shows the same.
      expect(explorer.replay(fault?.replay ?? '')).toEqual(expect.any(String))
    } finally {
      await explorer.end()
      remove()
    }
  })
})
