import { expect, test } from 'vitest'
import { Rests } from '../src/rests.ts'

const CAPACITY = 64 * 1024
const LONGEST = 4

/** Reads so many times. @param finds the bytes that one finds after a rest of that length @returns how long each has rested: 0 for not at all */
function reads(rests: Rests, times: number, finds: (length: number) => number, emptied = true): number[] {
  return Array.from({ length: times }, () => {
    const length = rests.rest()
    rests.note(finds(length), emptied)
    return length
  })
}

/** Where what is found does not grow with the rest, beyond that there is one. */
const once = (without: number, withRest: number) => (length: number) => (length > 0 ? withRest : without)
/** Where a writer goes on all the time. */
const doubling = (length: number): number => 64 * 2 ** length

/** After how many reads each rest of some length, or a longer one, comes. */
function between(rested: number[], length: number): number[] {
  const at = rested.flatMap((one, i) => (one >= length ? [i] : []))
  return at.slice(1).map((one, i) => one - (at[i] as number))
}

test('reads rest after one that found little, as long as they then find twice as much', () => {
  expect(reads(new Rests(CAPACITY), 5, once(64, 128))).toEqual([0, 1, 1, 1, 1])
  expect(reads(new Rests(CAPACITY), 5, once(64, 127))).toEqual([0, 1, 0, 0, 0])
})

test('after one in vain more and more go without, up to a limit', () => {
  const rested = reads(new Rests(CAPACITY), 10_000, once(64, 127))
  expect(between(rested, 1).slice(0, 6)).toEqual([5, 17, 65, 257, 1025, 1025])
})

test('some that pay, one after the other, give the patience back', () => {
  const rests = new Rests(CAPACITY)
  reads(rests, 24, once(64, 64))
  expect(reads(rests, 70, once(64, 128)).filter((length) => length > 0).length).toBeGreaterThan(3)
  const rested = reads(rests, 40, once(64, 64))
  expect(between(rested, 1).slice(0, 2)).toEqual([5, 17])
})

test('rests become longer, four of each length, as long as they find more by half at least', () => {
  const rested = reads(new Rests(CAPACITY), 30, doubling)
  expect(rested.slice(0, 17)).toEqual([0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4])
  expect(Math.min(...rested.slice(17))).toBe(LONGEST)
})

test('one that is longer for little is tried again after more and more reads, and the shorter one goes on', () => {
  const rested = reads(new Rests(CAPACITY), 2000, (length) => (length > 1 ? 380 : doubling(2 * length)))
  expect(Math.max(...rested)).toBe(2)
  expect(between(rested, 2).slice(0, 4)).toEqual([5, 17, 65, 257])
  // Only every 64th, to see what is found without.
  expect(rested.slice(1).filter((length) => length === 0).length).toBeLessThan(2000 / 60)
})

test('a length that pays no more is given up for the one before it, and that one too', () => {
  const rests = new Rests(CAPACITY)
  reads(rests, 40, doubling)
  // Each write waits for an answer.
  const rested = reads(rests, 400, () => 64)
  expect(rested.slice(0, 4)).toEqual([4, 3, 2, 1])
  expect(rested.slice(4).filter((length) => length > 0).length).toBeLessThan(8)
})

test('nobody rests on because of what was found without long ago', () => {
  const rests = new Rests(CAPACITY)
  reads(rests, 40, doubling)
  // The writes have become larger, and each waits for an answer: all that is known of shorter rests is from before.
  const rested = reads(rests, 2000, () => 3000)
  expect(rested.slice(-1000).filter((length) => length > 0).length).toBeLessThan(5)
})

test('where messages have one size for long, each length in use is looked at again', () => {
  const rested = reads(new Rests(CAPACITY), 1000, doubling).slice(17)
  expect(rested.filter((length) => length < LONGEST).length).toBeGreaterThan(10)
  expect(rested.filter((length) => length < LONGEST).length).toBeLessThan(20)
})

test.each([[[4, 100]], [[4, 100, 2]], [[100, 4]]])(
  'messages in pieces of %j bytes, one after the other: a larger piece is not what a rest has given',
  (pieces) => {
    let i = 0
    const rested = reads(new Rests(CAPACITY), 10_000, () => pieces[i++ % pieces.length] as number)
    expect(rested.filter((length) => length > 0).length).toBeLessThan(50)
  },
)

test('a read that came to nothing after its rest says nothing of the next one', () => {
  const rests = new Rests(CAPACITY)
  rests.note(64, true)
  expect([rests.rest(), rests.rest()]).toEqual([1, 0])
  rests.note(64, true)
  expect(rests.rest()).toBe(1)
})

test('nobody rests who finds much, or leaves some', () => {
  expect(Math.max(...reads(new Rests(CAPACITY), 10, once(5000, 10_000)))).toBe(0)
  expect(Math.max(...reads(new Rests(CAPACITY), 10, once(64, 128), false))).toBe(0)
})

test('nobody rests whose buffer is half full then: its writers would soon wait for that', () => {
  expect(Math.max(...reads(new Rests(100), 10, once(64, 128)))).toBe(0)
  expect(reads(new Rests(200), 8, once(50, 101))).toEqual([0, 1, 0, 0, 0, 0, 0, 1])
  expect(reads(new Rests(1000), 100, doubling).filter((length) => length > 2).length).toBeLessThan(10)
})
