import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Operation } from '../src/operation.ts'
import type { Platform } from '../src/platform/platform.ts'
import { onCores } from './support/cores.ts'

/** What a thread has learned is kept for the thread: each test begins with a new one's. */
type Spinning = typeof import('../src/spinning.ts')
let spinning: Spinning
const load = Atomics.load
let platform: Platform
let crowded = false
let looks = 0
/** Of one half. */
let spins = 0

beforeEach(async () => {
  spinning = await onCores(2, () => import('../src/spinning.ts'))
  platform = (await import('../src/platform/node.ts')).platform
  platform.isCrowded = () => crowded
  crowded = false
  spins = spinning.MAX_SPINS
  Object.assign(Atomics, {
    load: (words: Int32Array, word: number) => {
      looks += 1
      return load(words, word)
    },
  })
})
afterEach(() => Object.assign(Atomics, { load }))

const words = new Int32Array(new SharedArrayBuffer(64))
const waiting = (seen: number, spins: number): Operation =>
  ({ memory: { words }, watch: 0, seen, spins }) as unknown as Operation

/** How often a wait looks that is in vain, or not. */
function looksOf({ inVain = true, leftMs = Infinity } = {}): number {
  looks = 0
  const operation = waiting(inVain ? 0 : 1, spins)
  expect(spinning.spinBeforeParking(operation, leftMs)).toBe(!inVain)
  spins = operation.spins
  return looks
}

let nowMs = 1000
function park(times: number, ms: number, apartMs = 0.1): void {
  for (let i = 0; i < times; i += 1) {
    nowMs += apartMs
    const operation = waiting(0, spins)
    spinning.noteParked(operation, nowMs, nowMs + ms)
    spins = operation.spins
    nowMs += ms
  }
}

const MAX = 16_384
const LONG = 2 ** 19

test('a wait sees a change, and gives up after so many looks', () => {
  const { hasChanged } = spinning
  looks = 0
  words[0] = 7
  try {
    expect([hasChanged(waiting(1, 0), 10), hasChanged(waiting(7, 0), 10), hasChanged(waiting(1, 0), 0)]).toEqual([
      true,
      false,
      false,
    ])
    expect(looks).toBe(11)
  } finally {
    words[0] = 0
  }
})

test('spins in vain get shorter, down to a limit; one that pays makes them longer again', () => {
  const spins = Array.from({ length: 12 }, () => looksOf())
  expect(spins[0]).toBe(MAX)
  expect(spins[1]).toBe(MAX / 2)
  expect(spins.at(-1)).toBe(128)
  expect(looksOf({ inVain: false })).toBe(1)
  expect(looksOf()).toBe(512)
})

test('a park that a longer spin would have spared makes the next spins longer, up to a limit; one that is longer does not', () => {
  for (let i = 0; i < 12; i += 1) looksOf()
  park(1, 0.06)
  expect(spins).toBe(128)
  park(1, 0.04)
  expect(spins).toBe(512)
  park(5, 0.02)
  expect(spins).toBe(MAX)
})

test('after many short parks a spin is long, and the next one only after many more', () => {
  park(31, 0.05)
  expect(looksOf()).toBe(MAX)
  park(1, 0.05)
  expect(looksOf()).toBe(LONG)
  park(127, 0.05)
  expect(looksOf()).toBeLessThan(LONG)
  park(1, 0.05)
  expect(looksOf()).toBe(LONG)
})

test('long spins follow one another while they pay', () => {
  park(32, 0.05)
  expect(looksOf({ inVain: false })).toBe(1)
  expect(looksOf({ inVain: false })).toBe(1)
  expect(looksOf()).toBe(LONG)
  expect(looksOf()).toBe(MAX)
})

test('long parks say nothing of that, and a call that has little time left does not take it', () => {
  park(1000, 9)
  expect(looksOf()).toBe(MAX)
  park(32, 0.05)
  expect(looksOf({ leftMs: 20 })).toBeLessThan(LONG)
  expect(looksOf()).toBe(LONG)
})

test('who has not parked for a while has its patience back', () => {
  park(32, 0.05)
  expect(looksOf()).toBe(LONG)
  park(1, 0.05, 30)
  park(31, 0.05)
  expect(looksOf()).toBe(LONG)
})

describe('while more threads want to run than there are cores, and soon after', () => {
  const CROWDED = 1024

  beforeEach(() => {
    vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  })
  afterEach(() => vi.restoreAllMocks())

  test('nobody tries, and spins are shorter', () => {
    crowded = true
    park(32, 0.05)
    expect(looksOf()).toBe(CROWDED)
    crowded = false
    nowMs += 200
    park(32, 0.05)
    expect(looksOf({ inVain: false })).toBe(1)
    expect(looksOf()).toBe(CROWDED)
    nowMs += 50
    park(32, 0.05)
    expect(looksOf()).toBe(LONG)
    park(1, 0.05)
    spins = MAX
    expect(looksOf()).toBe(MAX)
  })

  test('a thread that parks all the time looks for that now and then', () => {
    let asked = 0
    platform.isCrowded = () => {
      asked += 1
      return true
    }
    park(31, 0.05)
    expect(asked).toBe(0)
    park(1, 0.05)
    expect(asked).toBe(1)
    // A tenth of a second.
    park(660, 0.05)
    expect(asked).toBe(2)
    expect(looksOf()).toBe(CROWDED)
  })
})
