import { afterAll, describe, expect, test } from 'vitest'
import { MUTANTS } from './explore/mutants.ts'
import { Results } from './explore/results.ts'
import { SCENARIOS } from './explore/scenarios/all.ts'
import { inFull, SMALL } from './explore/tasks.ts'
import { EXPLORE_SOCKET } from './support/sequencer.ts'
import { allowMs } from './support/watchdog.ts'

/**
 * Every schedule of the scenarios with at most two preemptions: the shipped code in real threads, each of which takes its steps when it is told to. In
 * each schedule the rules of the contract are looked after, and that nobody sleeps who should have been told, and that no byte is touched without an
 * edge. Then the same with mutants of the code, which must be found out. `npm run prove` goes further.
 *
 * The process that does all this has been started before the first test of the run: see `sequencer`.
 */

const LIMIT_MS = 600_000

const results = new Results(process.env[EXPLORE_SOCKET] as string)
const begunMs = performance.now()
const totals = { schedules: 0, deaths: 0, steps: 0 }

describe('every schedule', () => {
  test.each(SCENARIOS.map(({ name }) => name))('%s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const { fault, complete, schedules, kills, steps } = (await results.result(name)).exploration
    expect(fault).toBe(undefined)
    expect(complete).toBe(true)
    expect(schedules).toBeGreaterThan(1)
    totals.schedules += schedules
    totals.deaths += kills
    totals.steps += steps
  })

  test.each(SMALL)('what is left out would show nothing new: %s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const [reduced, all] = [(await results.result(name)).exploration, (await results.result(inFull(name))).exploration]
    expect(reduced.outcomes?.length).toBeGreaterThan(0)
    expect(reduced.outcomes).toEqual(all.outcomes)
    expect(reduced.schedules).toBeLessThan(all.schedules)
    console.log(`${reduced.schedules} schedules stand for ${all.schedules}: ${name}`)
  })

  afterAll(() => {
    console.log(
      `${totals.schedules} schedules, in ${totals.deaths} of which a thread died; ${totals.steps} steps; waited for ${Math.round((performance.now() - begunMs) / 1000)} s`,
    )
  })
})

describe('the exploration finds what is wrong', () => {
  test.each(MUTANTS.map(({ name }) => name))('%s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const { exploration, again } = await results.result(name)
    expect(exploration.fault?.message).toEqual(expect.any(String))
    // The same schedule again shows the same.
    expect(again).toEqual(expect.any(String))
  })
})
