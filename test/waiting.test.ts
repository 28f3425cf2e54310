import { afterEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { ENDED, HANDOFF, IDLE, OFFERED, ONE_OFFER, TAKING } from '../src/layout.ts'
import type { Rested } from '../src/waiting.ts'
import { onCores } from './support/cores.ts'

const { lookInTime, parkAsync, prepareToPark, wake, wakeAll } = await onCores(2, () => import('../src/waiting.ts'))

const EVENT = 2
const PARKED = 3
const words = () => new Int32Array(new SharedArrayBuffer(64))

describe('the rest before a first look', () => {
  afterEach(() => vi.restoreAllMocks())

  /** Looks so many times for an answer that comes after so many turns. @returns the rests */
  function restsFor(by: Rested, looks: number, answerAt: number): number[] {
    const load = vi.spyOn(Atomics, 'load') as unknown as MockInstance<() => number>
    return Array.from({ length: looks }, () => {
      const { rest } = by
      load.mockReturnValue(IDLE)
      if (rest < answerAt) load.mockReturnValueOnce(OFFERED)
      expect(lookInTime(words(), OFFERED, by)).toBe(IDLE)
      return rest
    })
  }

  test('any other state of the slot is an answer, and the end of the pipe is one', () => {
    const w = new Int32Array(HANDOFF + 1)
    for (const word of [TAKING, IDLE, IDLE | ONE_OFFER, OFFERED | ENDED]) {
      w[HANDOFF] = word
      const load = vi.spyOn(Atomics, 'load')
      expect(lookInTime(w, OFFERED, { rest: 0 })).toBe(word)
      expect(load).toHaveBeenCalledTimes(1)
      load.mockRestore()
    }
  })

  test('there is none at first, nor while the answer is there already', () => {
    expect(restsFor({ rest: 0 }, 3, 0)).toEqual([0, 0, 0])
  })

  test('it comes to end as the answer comes, whether that comes sooner than before or later', () => {
    const by = { rest: 0 }
    for (const answerAt of [150, 300, 20]) {
      const rests = restsFor(by, 1000, answerAt).slice(-100)
      expect(Math.min(...rests)).toBe(answerAt - 1)
      expect(Math.max(...rests)).toBeLessThan(answerAt + 4)
    }
  })

  test('it has a limit, and is given up in as many looks', () => {
    const by = { rest: 0 }
    const rests = restsFor(by, 1000, Number.POSITIVE_INFINITY)
    expect([Math.max(...rests), rests.at(-1)]).toEqual([400, 400])
    expect(restsFor(by, 401, 0).at(-1)).toBe(0)
  })

  test('where no answer comes it stays as it is', () => {
    const w = new Int32Array(HANDOFF + 1)
    w[HANDOFF] = OFFERED
    for (const rest of [0, 100]) {
      const by = { rest }
      expect(lookInTime(w, OFFERED, by)).toBe(OFFERED)
      expect(by.rest).toBe(rest)
    }
  })
})

test('nobody asleep: a wake changes nothing', () => {
  const w = words()
  wake(w, EVENT)
  expect([...w.subarray(0, 4)]).toEqual([0, 0, 0, 0])
})

test('a sleeper that announced itself is woken, once', async () => {
  const w = words()
  const sleep = parkAsync(w, EVENT, prepareToPark(w, EVENT))
  expect(w[PARKED]).toBe(1)
  wake(w, EVENT)
  await sleep
  expect([w[EVENT], w[PARKED]]).toEqual([1, 0])
  wake(w, EVENT)
  expect(w[EVENT]).toBe(1)
})

test('a wake between the announcement and the sleep is not lost', () => {
  const w = words()
  const count = prepareToPark(w, EVENT)
  wake(w, EVENT)
  expect(parkAsync(w, EVENT, count)).toBe(undefined)
  expect(Atomics.wait(w, EVENT, count, 1000)).toBe('not-equal')
})

test('a wake meant for another sleeper makes everybody look again', () => {
  const w = words()
  prepareToPark(w, EVENT)
  const late = prepareToPark(w, EVENT)
  wake(w, EVENT)
  expect(parkAsync(w, EVENT, late)).toBe(undefined)
  const count = prepareToPark(w, EVENT)
  expect([count, w[PARKED]]).toEqual([1, 1])
})

test('a quiet sleeper is woken by wakeAll only', async () => {
  const w = words()
  const sleep = parkAsync(w, EVENT, Atomics.load(w, EVENT))
  let woken = false
  sleep?.then(() => {
    woken = true
  })
  wake(w, EVENT)
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(woken).toBe(false)
  wakeAll(w, EVENT)
  await sleep
  expect(woken).toBe(true)
})
