import { pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import type { Half } from '../src/errors.ts'
import {
  CLOSED,
  CUT,
  ENDED,
  EXITED,
  FREE,
  HANDOFF,
  IDLE,
  LENT,
  OFFERED,
  OPEN,
  ownerIdentity,
  PARKED_OFFSET,
  queueEvent,
  READ_LOCK,
  READER_DONE,
  SEALED,
  STORED,
  TAKING,
  WAITERS_OFFSET,
  WATCHED,
  WRITE_LOCK,
  WRITER_DONE,
} from '../src/layout.ts'
import { LOOK_MS, lookAfter, lookIsDue } from '../src/liveness.ts'
import { openMemory, type PipeMemory } from '../src/memory.ts'
import { platform } from '../src/platform/node.ts'
import { haunt, NO_TID } from './support/mortals.ts'
import { handleOf } from './support/sides.ts'
import { thread } from './support/threads.ts'

const GHOST = { id: NO_TID, start: 1, thread: 1_000_000 }
const LIVING = { id: platform.system?.id ?? 0, start: platform.system?.start ?? 0, thread: 5 }
const LOCK = { writer: WRITE_LOCK, reader: READ_LOCK } as const
const DONE = { writer: WRITER_DONE, reader: READER_DONE } as const
const PEER = { writer: 'reader', reader: 'writer' } as const

/** A pipe whose halves a living thread uses, while a dead one owns the lock of one. */
function ownedByGhost(half: Half, state: number, capacity = 0, owner = ownerIdentity(GHOST.thread, false)): PipeMemory {
  const { reader, writer } = pipe({ capacity })
  for (const held of [reader, writer]) {
    haunt(held, 1, LIVING)
    haunt(held, 2, GHOST)
  }
  const memory = openMemory(writer.memory)
  memory.words[HANDOFF] = state
  memory.words[LOCK[half]] = owner
  return memory
}

const FREED = { lock: WATCHED, done: OPEN, orphaned: false }
const LOST = { lock: ownerIdentity(GHOST.thread, false), done: EXITED, orphaned: true }

describe('what the dead owner of a lock leaves', () => {
  test.each([
    ['writer', IDLE, 0, FREED],
    ['writer', OFFERED, 0, LOST],
    ['writer', TAKING, 0, LOST],
    ['writer', LENT, 0, LOST],
    ['writer', CUT, 0, FREED],
    ['reader', IDLE, 0, FREED],
    ['reader', OFFERED, 0, FREED],
    ['reader', TAKING, 0, LOST],
    ['reader', LENT, 0, LOST],
    ['reader', CUT, 0, LOST],
    ['writer', IDLE, 4, LOST],
    ['reader', IDLE, 4, FREED],
  ] as const)('a %s, state %i, capacity %i', (half, state, capacity, expected) => {
    const memory = ownedByGhost(half, state, capacity)
    const { words } = memory
    const orphaned = lookAfter(memory, PEER[half], false, 0)
    expect({ lock: words[LOCK[half]], done: words[DONE[half]], orphaned }).toEqual(expected)
    expect(words[DONE[PEER[half]]]).toBe(OPEN)
    // Those of the same half see it while they queue, and say nothing of the match.
    const again = ownedByGhost(half, state, capacity)
    expect(lookAfter(again, half, false, 0)).toBe(false)
    expect(again.words[LOCK[half]]).not.toBe(FREE)
    expect(lookAfter(again, half, true, 0)).toBe(false)
    expect(again.words[DONE[half]]).toBe(expected.done)
  })

  test('an owner that lives, or is of this thread, or of nobody that is known, keeps its lock', () => {
    for (const thread of [LIVING.thread, platform.thread, 12345]) {
      const owner = ownerIdentity(thread, true)
      const memory = ownedByGhost('writer', TAKING, 0, owner)
      expect(lookAfter(memory, 'reader', false, 0)).toBe(false)
      expect(memory.words[WRITE_LOCK]).toBe(owner)
      expect(memory.words[WRITER_DONE]).toBe(OPEN)
    }
  })

  test('the next of the queue is told that the lock is free', () => {
    const memory = ownedByGhost('writer', IDLE)
    const { words } = memory
    words[WRITE_LOCK + WAITERS_OFFSET] = 0b100
    const event = queueEvent(WRITE_LOCK, 2)
    words[event + PARKED_OFFSET] = 1
    lookAfter(memory, 'writer', true, 0)
    expect(words[event]).toBe(1)
  })
})

test('a half whose threads are all dead has exited, and everybody is told; an end of before stays', () => {
  for (const half of ['writer', 'reader'] as const) {
    for (const before of [OPEN, CLOSED]) {
      const halves = pipe({ capacity: 4 })
      haunt(halves[half], 1, GHOST)
      const memory = openMemory(halves[half].memory)
      memory.words[DONE[half]] = before
      expect(lookAfter(memory, PEER[half], false, 0)).toBe(false)
      expect(memory.words[DONE[half]]).toBe(before === OPEN ? EXITED : CLOSED)
      expect((memory.words[HANDOFF] as number) & ENDED).toBe(ENDED)
      expect((memory.words[STORED] as number) & SEALED).toBe(SEALED)
    }
  }
})

test('the threads of the own half may all be dead', () => {
  const { writer } = pipe()
  haunt(writer, 1, GHOST)
  const memory = openMemory(writer.memory)
  lookAfter(memory, 'writer', true, 0)
  expect(memory.words[WRITER_DONE]).toBe(OPEN)
})

test('a look is due once in a while, where somebody may have died', () => {
  const { writer } = pipe()
  haunt(writer, 1, GHOST)
  const memory = openMemory(writer.memory)
  memory.lookedWellMs = performance.now()
  memory.lookedMs = performance.now() - LOOK_MS - 1
  expect([lookIsDue(memory), lookIsDue(memory)]).toEqual([true, false])
})

test('where all threads are there it is due more and more seldom: another one may have got the number of one that is dead', () => {
  const memory = openMemory(pipe().writer.memory)
  const dueAfter = (ms: number): boolean => {
    memory.lookedMs = performance.now() - LOOK_MS - 1
    memory.lookedWellMs = performance.now() - ms
    return lookIsDue(memory)
  }
  expect([dueAfter(900), dueAfter(1001), dueAfter(1999), dueAfter(2001)]).toEqual([false, true, false, true])
  expect([dueAfter(3999), dueAfter(4001), dueAfter(7999), dueAfter(8001)]).toEqual([false, true, false, true])
  expect([dueAfter(15_999), dueAfter(16_001), dueAfter(15_999), dueAfter(16_001)]).toEqual([false, true, false, true])
})

test('a beat that comes a little early looks all the same, so that a death is seen by one beat, not by two', () => {
  const { writer } = pipe()
  haunt(writer, 1, GHOST)
  const memory = openMemory(writer.memory)
  memory.lookedMs = performance.now() - LOOK_MS + 5
  expect(lookIsDue(memory)).toBe(true)
  memory.lookedMs = performance.now() - LOOK_MS / 2
  expect(lookIsDue(memory)).toBe(false)
})

test('a thread that blocks for long looks less and less often, and as a rule only whether the others are there', async () => {
  const { reader, writer } = pipe()
  const holding = [handleOf(writer), handleOf(writer), handleOf(reader)]
  await Promise.all(
    holding.map((handle) =>
      thread().run(
        ({ PipeReader, PipeWriter }, handle) =>
          void (handle.half === 'reader' ? PipeReader.from(handle) : PipeWriter.from(handle)),
        handle,
      ),
    ),
  )
  const { hasExited, isThere } = platform
  const looked = new Map<number, number>()
  let thorough = 0
  try {
    platform.isThere = (id, start) => {
      looked.set(id, (looked.get(id) ?? 0) + 1)
      return isThere(id, start)
    }
    platform.hasExited = (id, start) => {
      thorough += 1
      return hasExited(id, start)
    }
    expect(() => reader.readSync(new Uint8Array(1), { timeout: 11.5 * LOOK_MS })).toThrow('no writer came')
  } finally {
    Object.assign(platform, { hasExited, isThere })
  }
  expect(looked.size).toBe(3)
  // After 1, 2, 3, 4, 5, 7, 9 and 11 times so long, and perhaps at its end. A late wake may miss one.
  for (const looks of looked.values()) {
    expect(looks).toBeGreaterThanOrEqual(5)
    expect(looks).toBeLessThanOrEqual(9)
  }
  // At the first look, and after a second: at each of the first writer that lives.
  expect(thorough).toBeLessThanOrEqual(4)
})
