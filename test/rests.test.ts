import { expect, test } from 'vitest'
import { Rests } from '../src/rests.ts'

const CAPACITY = 64 * 1024

/** Reads so many times, each finding so many bytes without a rest, and with one. @returns which of the reads rested */
function reads(rests: Rests, times: number, without: number, withRest: number, emptied = true): number[] {
  const those: number[] = []
  for (let i = 0; i < times; i += 1) {
    const rested = rests.rest()
    if (rested) those.push(i)
    rests.note(rested ? withRest : without, emptied)
  }
  return those
}

test('reads rest after one that found little, as long as they then find twice as much', () => {
  expect(reads(new Rests(CAPACITY), 5, 64, 128)).toEqual([1, 2, 3, 4])
})

test('after one in vain more and more go without, up to a limit', () => {
  const rests = new Rests(CAPACITY)
  const rested = reads(rests, 10_000, 64, 127)
  const between = rested.slice(1).map((at, i) => at - (rested[i] as number))
  expect(between.slice(0, 6)).toEqual([5, 17, 65, 257, 1025, 1025])
})

test('some that pay, one after the other, give the patience back', () => {
  const rests = new Rests(CAPACITY)
  reads(rests, 24, 64, 64)
  expect(reads(rests, 70, 64, 128).length).toBeGreaterThan(3)
  const rested = reads(rests, 20, 64, 64)
  expect(rested.slice(0, 2)).toEqual([0, 5])
})

test.each([[[4, 100]], [[4, 100, 2]], [[100, 4]]])(
  'messages in pieces of %j bytes, one after the other: a larger piece is not what a rest has given',
  (pieces) => {
    const rests = new Rests(CAPACITY)
    let rested = 0
    for (let i = 0; i < 10_000; i += 1) {
      if (rests.rest()) rested += 1
      rests.note(pieces[i % pieces.length] as number, true)
    }
    expect(rested).toBeLessThan(50)
  },
)

test('a read that came to nothing after its rest says nothing of the next one', () => {
  const rests = new Rests(CAPACITY)
  rests.note(64, true)
  expect([rests.rest(), rests.rest()]).toEqual([true, false])
  rests.note(64, true)
  expect(rests.rest()).toBe(true)
})

test('now and then one goes without, so that what is found without is known', () => {
  const rests = new Rests(CAPACITY)
  expect(reads(rests, 67, 64, 1000).length).toBe(65)
  // The writes have become larger: a rest finds no more of them.
  const rested = reads(rests, 200, 1000, 1000)
  expect(rested.length).toBeLessThan(70)
})

test('nobody rests who finds much, or leaves some, or finds a small buffer half full', () => {
  expect(reads(new Rests(CAPACITY), 10, 5000, 10_000)).toEqual([])
  expect(reads(new Rests(CAPACITY), 10, 64, 128, false)).toEqual([])
  expect(reads(new Rests(100), 10, 64, 128)).toEqual([])
  expect(reads(new Rests(200), 10, 64, 200)).toEqual([1, 3, 5, 7, 9])
})
