import { expect, test } from 'vitest'
import type { Rests as RestsOf } from '../src/rests.ts'
import { onCores } from './support/cores.ts'

const { Rests } = await onCores(2, () => import('../src/rests.ts'))

const CAPACITY = 64 * 1024
const LONGEST = 4

/** Reads so many times. @param finds the bytes that one finds after a rest of that length @returns how long each has rested: 0 for not at all */
function reads(rests: RestsOf, times: number, finds: (length: number) => number, emptied = true): number[] {
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

test('four that pay, one after the other, give the patience back; three do not', () => {
  const [vain, pays] = [once(64, 64), once(64, 128)]
  const impatient = () => {
    const rests = new Rests(CAPACITY)
    // The next is due after 64 reads.
    reads(rests, 24, vain)
    return rests
  }
  const three = impatient()
  expect(reads(three, 67, pays).slice(-4)).toEqual([0, 1, 1, 1])
  expect(between(reads(three, 300, vain), 1)).toEqual([257])
  // After four a longer one is tried, in vain, and soon again.
  expect(between(reads(impatient(), 400, pays), 2).slice(0, 3)).toEqual([5, 17, 65])
})

test('some that pay between others that do not are not one after the other', () => {
  let rested = 0
  const mostly = (length: number): number => {
    if (length > 0) rested += 1
    return length === 0 || rested % 4 === 0 ? 64 : 128
  }
  expect(Math.max(...reads(new Rests(CAPACITY), 3000, mostly))).toBe(1)
})

test('rests become longer, four of each length, up to a longest', () => {
  const rested = reads(new Rests(CAPACITY), 30, doubling)
  expect(rested.slice(0, 13)).toEqual([0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3])
  expect(rested.slice(13)).toEqual(new Array(17).fill(LONGEST))
})

test.each([
  [1, [64, 128], [64, 127]],
  [2, [64, 128, 192], [64, 128, 191]],
  [3, [64, 128, 192, 288], [64, 128, 192, 287]],
  [4, [64, 128, 192, 288, 432], [64, 128, 192, 288, 431]],
])(
  'length %i pays if it finds twice as much as none, or half as much again as the one before: no less',
  (length, enough, tooLittle) => {
    const uses = (found: number[]) =>
      reads(new Rests(CAPACITY), 1000, (length) => found[length] ?? 0).filter((one) => one === length).length
    expect(uses(enough)).toBeGreaterThan(600)
    expect(uses(tooLittle)).toBeLessThan(10)
  },
)

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

test('every 64th read looks again at what the next shorter length finds', () => {
  const rested = reads(new Rests(CAPACITY), 1000, doubling).slice(17)
  const probes = rested.map((length) => LONGEST - length)
  expect(between(probes, 1)).toEqual(new Array(14).fill(64))
  expect(Math.max(...probes)).toBe(1)
})

test('the most that was found becomes less by a quarter with each read', () => {
  // Two short ones, one after the other, do not make it less than 56.
  const pieces = [100, 4, 4]
  let i = 0
  const rests = new Rests(CAPACITY)
  rests.note(100, true)
  const rested = reads(rests, 1000, (length) => (length > 0 ? 110 : (pieces[++i % 3] as number)))
  expect(rested.filter((length) => length > 0).length).toBeLessThan(10)
})

test.each([
  [1, 110],
  [64, 50],
])('a reader that was away for once, and found much, soon rests again: %i byte writes', (size, within) => {
  const rests = new Rests(CAPACITY)
  rests.note(4000, true)
  const rested = reads(rests, 300, (length) => size * 2 ** length)
  expect(rested.indexOf(LONGEST)).toBeLessThan(within)
  expect(rested.slice(200).filter((length) => length === LONGEST).length).toBeGreaterThan(90)
})

test('a length that comes to pay no more is tried again soon, however patient the next longer one was', () => {
  const rests = new Rests(CAPACITY)
  reads(rests, 3000, once(64, 128))
  const rested = reads(rests, 300, once(64, 64))
  const first = rested.indexOf(0)
  expect(between(rested.slice(first - 1), 1).slice(0, 2)).toEqual([5, 17])
})

test.each([[[4, 100]], [[4, 100, 2]], [[100, 4]], [[4, 100, 100, 100, 100, 100]]])(
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
  expect(reads(new Rests(CAPACITY), 3, once(4096, 8192))).toEqual([0, 1, 0])
  expect(reads(new Rests(CAPACITY), 3, once(4097, 9000))).toEqual([0, 0, 0])
  expect(Math.max(...reads(new Rests(CAPACITY), 10, once(64, 128), false))).toBe(0)
})

test('nobody rests whose buffer is half full then: its writers would soon wait for that', () => {
  expect(Math.max(...reads(new Rests(100), 10, once(64, 128)))).toBe(0)
  expect(reads(new Rests(200), 4, once(50, 100))).toEqual([0, 1, 1, 1])
  expect(reads(new Rests(200), 8, once(50, 101))).toEqual([0, 1, 0, 0, 0, 0, 0, 1])
  expect(reads(new Rests(1000), 100, doubling).filter((length) => length > 2).length).toBeLessThan(10)
})

test('the longest takes some microseconds, the shortest less', () => {
  const msOf = (finds: (length: number) => number, longest: number): number => {
    const times: number[] = []
    const rests = new Rests(CAPACITY)
    for (let i = 0; i < 3000; i += 1) {
      const startedMs = performance.now()
      const length = rests.rest()
      const ms = performance.now() - startedMs
      if (length === longest) times.push(ms)
      rests.note(finds(length), true)
    }
    return times.sort((a, b) => a - b)[times.length >> 1] as number
  }
  const [shortest, middle, longest] = [
    msOf(once(64, 128), 1),
    msOf((length) => [64, 128, 192][length] ?? 0, 2),
    msOf(doubling, LONGEST),
  ]
  expect(shortest).toBeGreaterThan(0.0002)
  expect(middle).toBeGreaterThan(1.2 * shortest)
  expect(longest).toBeGreaterThan(2 * middle)
})

test('nobody rests on one core: there is no writer that goes on meanwhile', async () => {
  const { Rests } = await onCores(1, () => import('../src/rests.ts'))
  expect(Math.max(...reads(new Rests(CAPACITY), 100, doubling))).toBe(0)
})
