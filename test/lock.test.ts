import { expect, test } from 'vitest'
import {
  FREE,
  MAX_QUEUED,
  NEXT_OFFSET,
  queueEvent,
  ROTATION_OFFSET,
  reservedFor,
  WAITERS_OFFSET,
  WATCHED,
  WRITE_LOCK,
} from '../src/layout.ts'
import { freeLock, ownerOf, Place, Turn, watch } from '../src/lock.ts'
import { prepareToPark } from '../src/waiting.ts'

const ONE = 2
const TWO = 4
const TURN_MS = 3
const STEAL_MS = 5

const words = () => new Int32Array(new SharedArrayBuffer(4096))
const place = (w: Int32Array, owner: number, turn = new Turn()) => new Place(w, WRITE_LOCK, owner, turn)
const release = (w: Int32Array, owner: Place | undefined): void => {
  const watched = ((w[WRITE_LOCK] as number) & WATCHED) !== 0
  Atomics.store(w, WRITE_LOCK, watched ? WATCHED : FREE)
  if (watched) owner?.passOn()
}
const passMs = (ms: number): void => {
  for (const end = performance.now() + ms; performance.now() < end; );
}

test('one owner at a time', () => {
  const w = words()
  const [a, b] = [place(w, ONE), place(w, TWO)]
  expect(a.tryAcquire()).toBe(true)
  expect(ownerOf(w, WRITE_LOCK)).toBe(ONE)
  expect(b.tryAcquire()).toBe(false)
  release(w, a)
  expect(ownerOf(w, WRITE_LOCK)).toBe(FREE)
  expect(b.tryAcquire()).toBe(true)
})

test('the owner may take it again within its turn, and not after it', () => {
  const w = words()
  const turn = new Turn()
  const [a, b] = [place(w, ONE, turn), place(w, TWO)]
  expect(a.tryAcquire()).toBe(true)
  expect(b.queue()).toBe(false)
  release(w, a)
  expect(place(w, ONE, turn).tryAcquire()).toBe(true)
  passMs(TURN_MS)
  release(w, a)
  expect(w[WRITE_LOCK]).toBe(reservedFor(0))
  expect(ownerOf(w, WRITE_LOCK)).toBe(FREE)
  expect(place(w, ONE, turn).tryAcquire()).toBe(false)
  expect(b.tryAcquire()).toBe(true)
  expect(w[WRITE_LOCK + WAITERS_OFFSET]).toBe(0)
})

test('places are served in rotation, whoever comes back', () => {
  const w = words()
  const waiters = [1, 2, 3].map((i) => place(w, i * 2 + 10))
  const turn = new Turn()
  const holder = place(w, ONE, turn)
  expect(holder.tryAcquire()).toBe(true)
  for (const waiter of waiters) waiter.queue()
  const reserved: number[] = []
  for (let round = 0; round < 6; round += 1) {
    release(w, holder)
    expect(holder.tryAcquire()).toBe(true)
    passMs(TURN_MS)
    release(w, holder)
    reserved.push(-1 - (w[WRITE_LOCK] as number))
    const served = waiters.findIndex((waiter) => waiter.tryAcquire())
    expect(holder.queue()).toBe(false)
    release(w, waiters[served])
    expect(holder.tryAcquire()).toBe(true)
    expect(waiters[served]?.queue()).toBe(false)
  }
  expect(reserved).toEqual([0, 1, 2, 0, 1, 2])
})

test('whoever leaves gives up its place and what was reserved for it', () => {
  const w = words()
  const turn = new Turn()
  const [a, b, c] = [place(w, ONE, turn), place(w, TWO), place(w, TWO)]
  a.tryAcquire()
  b.queue()
  c.queue()
  release(w, a)
  a.tryAcquire()
  passMs(TURN_MS)
  release(w, a)
  expect(w[WRITE_LOCK]).toBe(reservedFor(0))
  const told = w[queueEvent(WRITE_LOCK, 1)] as number
  b.leave()
  expect(w[WRITE_LOCK]).toBe(WATCHED)
  expect(w[queueEvent(WRITE_LOCK, 1)]).toBe(told + 1)
  expect(c.tryAcquire()).toBe(true)
})

test('a reservation that nobody comes for is taken over, also by calls that may not wait', () => {
  const w = words()
  Atomics.store(w, WRITE_LOCK, reservedFor(7))
  const turn = new Turn()
  expect([place(w, ONE, turn).tryAcquire(), place(w, ONE, turn).queue()]).toEqual([false, false])
  passMs(STEAL_MS)
  const late = place(w, ONE, turn)
  expect([late.tryAcquire(), late.queue()]).toEqual([false, true])
  expect(ownerOf(w, WRITE_LOCK)).toBe(ONE)
})

test('more waiters than places: nobody gets a place twice, and the crowd is told of the next that is free', () => {
  const w = words()
  place(w, ONE).tryAcquire()
  const waiters = Array.from({ length: MAX_QUEUED + 3 }, (_, i) => place(w, 100 + 2 * i))
  for (const waiter of waiters) expect(waiter.queue()).toBe(false)
  expect(new Set(waiters.slice(0, MAX_QUEUED).map((waiter) => waiter.event)).size).toBe(MAX_QUEUED)
  expect(waiters.at(-1)?.event).toBe(queueEvent(WRITE_LOCK, MAX_QUEUED))
  const crowd = queueEvent(WRITE_LOCK, MAX_QUEUED)
  prepareToPark(w, crowd)
  waiters[5]?.leave()
  expect(w[crowd]).toBe(1)
  expect(waiters.at(-1)?.queue()).toBe(false)
  expect(waiters.at(-1)?.event).toBe(queueEvent(WRITE_LOCK, 5))
  for (const waiter of waiters) waiter.leave()
  expect(w[WRITE_LOCK + WAITERS_OFFSET]).toBe(0)
})

test('scribbled queue words cost time, and nothing else', () => {
  const turn = new Turn()
  for (const [waiters, next] of [
    [-1, 0x7fffffff],
    [-0x80000000, -5],
    [0x55555555, 31],
  ] as const) {
    const w = words()
    const a = place(w, ONE, turn)
    for (let round = 0; round < 3; round += 1) {
      w[WRITE_LOCK + WAITERS_OFFSET] = waiters
      w[WRITE_LOCK + NEXT_OFFSET] = next
      const endMs = performance.now() + 100
      while (!a.tryAcquire() && !a.queue()) expect(performance.now()).toBeLessThan(endMs)
      expect(ownerOf(w, WRITE_LOCK)).toBe(ONE)
      release(w, a)
    }
  }
})

test('the first turn of a thread is a turn, whatever the rotation', () => {
  const w = words()
  // A count that has come round.
  w[WRITE_LOCK + ROTATION_OFFSET] = -1
  const [holder, waiter] = [place(w, ONE), place(w, TWO)]
  expect(holder.tryAcquire()).toBe(true)
  expect(waiter.queue()).toBe(false)
  release(w, holder)
  expect(w[WRITE_LOCK]).toBe(WATCHED)
})

test('a lock is watched from when somebody queues until nobody does', () => {
  const w = words()
  const turn = new Turn()
  const [holder, first, second] = [place(w, ONE, turn), place(w, TWO), place(w, TWO)]
  expect(holder.tryAcquire()).toBe(true)
  expect(w[WRITE_LOCK]).toBe(ONE)
  for (const waiter of [first, second]) expect(waiter.queue()).toBe(false)
  expect(w[WRITE_LOCK]).toBe(ONE | WATCHED)
  expect(ownerOf(w, WRITE_LOCK)).toBe(ONE)
  release(w, holder)
  expect(w[WRITE_LOCK]).toBe(WATCHED)
  // Also while somebody else has taken it in passing.
  expect(holder.tryAcquire()).toBe(true)
  expect(w[WRITE_LOCK]).toBe(ONE | WATCHED)
  release(w, holder)
  for (const waiter of [first, second]) {
    expect(waiter.tryAcquire()).toBe(true)
    expect(w[WRITE_LOCK]).toBe(TWO | WATCHED)
    release(w, waiter)
  }
  expect(w[WRITE_LOCK]).toBe(FREE)
})

test('who asks a lock that is free, or reserved, to be told', () => {
  const w = words()
  expect(watch(w, WRITE_LOCK)).toBe(WATCHED)
  expect(ownerOf(w, WRITE_LOCK)).toBe(FREE)
  expect(place(w, ONE).tryAcquire()).toBe(true)
  expect(w[WRITE_LOCK]).toBe(ONE | WATCHED)
  // A reserved lock is watched as soon as it is taken.
  Atomics.store(w, WRITE_LOCK, reservedFor(0))
  expect(watch(w, WRITE_LOCK)).toBe(reservedFor(0))
})

test('a dead owner of a watched lock', () => {
  const w = words()
  for (const word of [ONE, ONE | WATCHED]) {
    Atomics.store(w, WRITE_LOCK, word)
    freeLock(w, WRITE_LOCK, TWO)
    expect(w[WRITE_LOCK]).toBe(word)
    freeLock(w, WRITE_LOCK, ONE)
    expect(w[WRITE_LOCK]).toBe(WATCHED)
  }
})
