import { mkdirSync, rmSync } from 'node:fs'
import { afterAll, describe, expect, test } from 'vitest'
import { Crew } from './explore/crew.ts'
import { MUTANTS, plant } from './explore/mutants.ts'
import { SCENARIOS } from './explore/scenarios/all.ts'
import { allowMs } from './support/watchdog.ts'

/**
 * Every schedule of the scenarios with at most two preemptions: the shipped code in real threads, each of which takes its steps when it is told to. In
 * each schedule the rules of the contract are looked after, and that nobody sleeps who should have been told, and that no byte is touched without an
 * edge. Then the same with mutants of the code, which must be found out. `npm run prove` goes further.
 */

const BOUND = 2
const LIMIT_MS = 600_000

/** Scenarios that are small enough to leave nothing out. */
const SMALL = [
  '1 × 1: a write larger than the window',
  'both give up at their time-outs, and the next write is whole',
  'buffered 1 × 1: over the edge of 31 bits',
  'awaited writer gives up at its time-out',
  'the writer dies',
]
const full = (name: string): string => `${name}, with nothing left out`

const folder = new URL(`../out/mutants-${process.pid}/`, import.meta.url)
mkdirSync(folder, { recursive: true })
const mutants = await plant(folder)
const crew = new Crew([
  ...SCENARIOS.map(({ name }) => ({ name, scenario: name, bound: BOUND, outcomes: SMALL.includes(name) })),
  ...SMALL.map((name) => ({ name: full(name), scenario: name, bound: BOUND, outcomes: true, full: true })),
  ...MUTANTS.map(({ name, scenario, bound }) => ({ name, scenario, bound, mutant: mutants.get(name) as string })),
])
const begunMs = performance.now()
const totals = { schedules: 0, deaths: 0, steps: 0 }

describe('every schedule', () => {
  test.each(SCENARIOS.map(({ name }) => name))('%s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const { fault, complete, schedules, kills, steps } = (await crew.result(name)).exploration
    expect(fault).toBe(undefined)
    expect(complete).toBe(true)
    expect(schedules).toBeGreaterThan(1)
    totals.schedules += schedules
    totals.deaths += kills
    totals.steps += steps
  })

  test.each(SMALL)('what is left out would show nothing new: %s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const [reduced, all] = [(await crew.result(name)).exploration, (await crew.result(full(name))).exploration]
    expect(reduced.outcomes?.length).toBeGreaterThan(0)
    expect(reduced.outcomes).toEqual(all.outcomes)
    expect(reduced.schedules).toBeLessThan(all.schedules)
    console.log(`${reduced.schedules} schedules stand for ${all.schedules}: ${name}`)
  })

  afterAll(() => {
    console.log(
      `${totals.schedules} schedules, in ${totals.deaths} of which a thread died; ${totals.steps} steps; ${Math.round((performance.now() - begunMs) / 1000)} s`,
    )
  })
})

describe('the exploration finds what is wrong', () => {
  test.each(MUTANTS.map(({ name }) => name))('%s', { timeout: LIMIT_MS }, async (name) => {
    allowMs(LIMIT_MS)
    const { exploration, again } = await crew.result(name)
    expect(exploration.fault?.message).toEqual(expect.any(String))
    // The same schedule again shows the same.
    expect(again).toEqual(expect.any(String))
  })

  afterAll(() => rmSync(folder, { recursive: true, force: true }))
})
