import { expect, test } from 'vitest'
import { parkAsync, prepareQuietly, prepareToPark, spin, wake, wakeAll } from '../src/waiting.ts'

const EVENT = 2
const PARKED = 3
const words = () => new Int32Array(new SharedArrayBuffer(64))

test('spin sees a change, and gives up after its limit', () => {
  const w = words()
  w[0] = 7
  expect(spin(w, 0, 1, 10)).toBe(7)
  expect(spin(w, 0, 7, 10)).toBe(7)
  expect(spin(w, 0, 1, 0)).toBe(1)
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
  const sleep = parkAsync(w, EVENT, prepareQuietly(w, EVENT))
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
