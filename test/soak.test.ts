import { expect, test } from 'vitest'
import { soak } from './soak/soak.ts'
import { faultReport, table } from './soak/table.ts'
import { COUNTED, type Counted } from './soak/tally.ts'

/** A few seconds of `npm run soak`. A seed can be given as SOAK_SEED. */

const SECONDS = 9
const seed = Number(process.env['SOAK_SEED'] ?? Date.now() % 1_000_000)

/** What so short a soak need not have, and what only Linux has. */
const RARE: Counted[] = process.platform === 'linux' ? [] : ['deaths without watch']

test(`pipes of all kinds, with random ends and deaths: SOAK_SEED=${seed}`, { timeout: 60_000 }, async () => {
  const result = await soak({ seed, minutes: SECONDS / 60, lanes: 2 })
  if (result.faults.length > 0) console.error(`${faultReport(result)}\n${table(result)}`)
  expect(result.faults.map(({ kind, what, pipe }) => `pipe ${pipe}, ${kind}: ${what}`)).toEqual([])
  expect(COUNTED.filter((name) => result.tally[name] === 0 && !RARE.includes(name))).toEqual([])
  expect(result.threads).toMatchObject({ known: 0 })
  expect(result.reactions.count).toBeGreaterThan(0)
})
