import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Operation } from '../src/operation.ts'
import type { Platform } from '../src/platform/platform.ts'

/** What a thread has learned is kept for the thread: each test begins with a new one's. */
type Spinning = typeof import('../src/spinning.ts')
let spinning: Spinning
const load = Atomics.load
let platform: Platform
let crowded = false
let looks = 0
let nowMs = 0

beforeEach(async () => {
  vi.resetModules()
  spinning = await import('../src/spinning.ts')
  platform = (await import('../src/platform/node.ts')).platform
  platform.isCrowded = () => crowded
  crowded = false
  nowMs = 1000
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  Object.assign(Atomics, {
    load: (words: Int32Array, word: number) => {
      looks += 1
      return load(words, word)
    },
  })
})
afterEach(() => {
  vi.restoreAllMocks()
  Object.assign(Atomics, { load })
})

const words = new Int32Array(new SharedArrayBuffer(64))
const waiting = (seen: number): Operation => ({ memory: { words }, watch: 0, seen }) as unknown as Operation

/** How often a wait looks that is in vain, or not. */
function looksOf({ inVain = true, leftMs = Infinity } = {}): number {
  looks = 0
  expect(spinning.spinBeforeParking(waiting(inVain ? 0 : 1), leftMs)).toBe(!inVain)
  return looks
}

function park(times: number, ms: number, apartMs = 0.1): void {
  for (let i = 0; i < times; i += 1) {
    nowMs += apartMs
    spinning.noteParked(nowMs, nowMs + ms)
    nowMs += ms
  }
}

const LONG = 2 ** 19

test('spins in vain get shorter, down to a limit; one that pays makes them longer again', () => {
  const spins = Array.from({ length: 12 }, () => looksOf())
  expect(spins[0]).toBe(8192)
  expect(spins[1]).toBe(4096)
  expect(spins.at(-1)).toBe(128)
  expect(looksOf({ inVain: false })).toBe(1)
  expect(looksOf()).toBe(512)
})

test('after many short parks spins are long for a while, and then only after many more', () => {
  park(31, 0.05)
  expect(looksOf()).toBe(8192)
  park(1, 0.05)
  expect(looksOf()).toBe(LONG)
  expect(looksOf()).toBe(LONG)
  nowMs += 20
  expect(looksOf()).toBe(8192)
  park(127, 0.05)
  expect(looksOf()).toBeLessThan(LONG)
  park(1, 0.05)
  expect(looksOf()).toBe(LONG)
})

test('long parks say nothing of that, and a call that has little time left does not take it', () => {
  park(1000, 9)
  expect(looksOf()).toBe(8192)
  park(32, 0.05)
  expect(looksOf({ leftMs: 20 })).toBeLessThan(LONG)
  expect(looksOf()).toBe(LONG)
})

test('who has not parked for a while has its patience back', () => {
  park(32, 0.05)
  expect(looksOf()).toBe(LONG)
  park(1, 0.05, 70)
  park(31, 0.05)
  expect(looksOf()).toBe(LONG)
})

test('nobody spins for a while after more threads wanted to run than there are cores', () => {
  crowded = true
  park(31, 0.05)
  expect(looksOf()).toBe(8192)
  park(1, 0.05)
  expect(looksOf()).toBe(0)
  nowMs += 19
  expect(looksOf()).toBe(0)
  nowMs += 1
  expect(looksOf()).toBeGreaterThan(0)
})

test('and for longer nobody tries to be put apart: there is no idle core', () => {
  crowded = true
  park(32, 0.05)
  crowded = false
  nowMs += 100
  park(64, 0.05)
  expect(looksOf()).toBeLessThan(LONG)
  nowMs += 150
  park(512, 0.05)
  expect(looksOf()).toBe(LONG)
})

test('it is looked for no more often than every few ms', () => {
  const asked = vi.spyOn(platform, 'isCrowded')
  park(33, 0.05)
  expect(asked).toHaveBeenCalledTimes(1)
  park(60, 0.0, 0.05)
  expect(asked).toHaveBeenCalledTimes(1)
  park(32, 0.0, 0.05)
  expect(asked).toHaveBeenCalledTimes(2)
})
