import { afterAll, expect, test } from 'vitest'
import { fuzzHolds } from './fuzz/holds.ts'
import { fuzzModel } from './fuzz/model.ts'
import type { FuzzResult } from './fuzz/part.ts'
import { Random } from './fuzz/random.ts'
import { fuzzScribbles } from './fuzz/scribbles.ts'
import { fuzzArguments, fuzzHandles } from './fuzz/supervise.ts'

/**
 * A share of the fuzz that `test/fuzz/main.ts` runs at length (C31, and the whole contract in its model). A seed can be given as FUZZ_SEED; what
 * fails says how to replay it with that program.
 */

const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000)
const LIMIT_MS = 60_000

/** How often it ended in each of several ways. */
function sum({ outcomes }: FuzzResult, pattern: RegExp): number {
  return Object.entries(outcomes).reduce((sum, [outcome, times]) => sum + (pattern.test(outcome) ? times : 0), 0)
}

/** Sleeps almost all its time: it goes on beside the others. */
const holds = fuzzHolds({ cases: 0, seed })
holds.catch(() => {})

let cases = 0
afterAll(() => {
  console.log(`FUZZ_SEED=${seed}: ${cases} cases`)
})

test('the cases of one seed are not those of the next in another order', () => {
  const first = (seed: number): number[] => Array.from({ length: 1000 }, (_, number) => new Random(seed, number).word())
  const before = new Set(first(1000))
  expect(before.size).toBe(1000)
  expect(first(1001).filter((word) => before.has(word))).toEqual([])
})

test('control words scribbled over while bytes go from thread to thread', { timeout: LIMIT_MS }, async () => {
  const result = await fuzzScribbles({ cases: 350, seed })
  cases += result.cases
  expect(result.cases).toBe(350)
  expect(sum(result, /^scribbles$/)).toBeGreaterThan(900)
  expect(sum(result, /^copies watched$/)).toBeGreaterThan(350)
  expect(sum(result, /^done$/)).toBeGreaterThan(280)
  expect(sum(result, /^ERR_PIPE_CORRUPT$/)).toBeGreaterThan(140)
  expect(sum(result, /^ERR_PIPE_TIMEOUT$/)).toBeGreaterThan(140)
  expect(sum(result, /^an error of scribbled text$/)).toBeGreaterThan(0)
})

test('handles of anything, and over memory of anything', { timeout: LIMIT_MS }, async () => {
  const result = await fuzzHandles({ cases: 3000, seed })
  cases += result.cases
  expect(result.cases).toBe(3000)
  expect(sum(result, /: refused$/)).toBeGreaterThan(1000)
  // Opened, and used with a time-out
  expect(sum(result, /^wild: (done|ERR_)/)).toBeGreaterThan(300)
  expect(sum(result, /^near: (done|ERR_)/)).toBeGreaterThan(100)
})

test('arguments of anything', { timeout: LIMIT_MS }, async () => {
  const result = await fuzzArguments({ cases: 3000, seed })
  cases += result.cases
  expect(result.cases).toBe(3000)
  expect(sum(result, /: refused$/)).toBeGreaterThan(1000)
  expect(sum(result, /: refused what its callback gave$/)).toBeGreaterThan(20)
  expect(sum(result, /: (done|ERR_PIPE_TIMEOUT)$/)).toBeGreaterThan(500)
})

test('calls of several threads, beside a model of the contract', { timeout: LIMIT_MS }, async () => {
  const result = await fuzzModel({ cases: 600, seed })
  cases += result.cases
  expect(result.cases).toBe(600)
  expect(sum(result, /: done$/)).toBeGreaterThan(330)
  expect(sum(result, /: ERR_PIPE_TIMEOUT$/)).toBeGreaterThan(66)
  expect(sum(result, /: (end|one|two|aborted|ERR_PIPE_CLOSED)$/)).toBeGreaterThan(330)
  expect(sum(result, /: ABORT_ERR$/)).toBeGreaterThan(6)
})

test('the longest that a scribble can hold a call', { timeout: LIMIT_MS }, async () => {
  const result = await holds
  cases += result.cases
  expect(result.cases).toBe(14)
})
