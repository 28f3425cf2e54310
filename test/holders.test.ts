import { pipe } from 'threadpipe'
import { expect, test } from 'vitest'
import { allThere, enterHolder, isDead, isDeserted, noteExit } from '../src/holders.ts'
import {
  DEAD as DEAD_IDENTITY,
  FREE,
  HOLDER_THREAD,
  HOLDER_USES,
  HOLDER_WORDS,
  holderId,
  holderIdentity,
  holderStart,
  identityAt,
  MAX_HOLDERS,
  ownerIdentity,
  WRITE_LOCK,
  WRITER_DONE,
  WRITER_HOLDERS,
  writingBy,
} from '../src/layout.ts'
import { openMemory, type PipeMemory } from '../src/memory.ts'
import { platform } from '../src/platform/node.ts'
import { type Ghost, haunt, NO_TID } from './support/mortals.ts'

const HERE = platform.thread
const LIVING = { id: platform.system?.id ?? 0, start: platform.system?.start ?? 0 }
const DEAD = { id: NO_TID, start: 1 }
const FIRST = 1000

/** The memory of a pipe whose maker does not hold the writer, but these do. */
function heldBy(...holders: (Ghost & { uses?: number })[]): PipeMemory {
  const { writer } = pipe()
  for (const [slot, { uses, ...ghost }] of holders.entries()) haunt(writer, slot, ghost, uses)
  return openMemory(writer.memory)
}

/** Number and start of the system, own number, and whether it uses the half. */
const slotOf = ({ words, nanos }: PipeMemory, slot: number): (number | undefined)[] => {
  const holder = WRITER_HOLDERS + slot * HOLDER_WORDS
  const identity = nanos[identityAt(holder)] as bigint
  return [holderId(identity), holderStart(identity), words[holder + HOLDER_THREAD], words[holder + HOLDER_USES]]
}

const ghosts = (count: number, ghost: { id: number; start: number }): Ghost[] =>
  Array.from({ length: count }, (_, i) => ({ ...ghost, thread: FIRST + i }))

test('a thread is entered once, with what the system knows it by', () => {
  const memory = openMemory(pipe().writer.memory)
  const { id, start } = LIVING
  expect(slotOf(memory, 0)).toEqual([id, start, HERE, 0])
  enterHolder(memory, 'writer', true)
  expect(slotOf(memory, 0)).toEqual([id, start, HERE, 1])
  expect(slotOf(memory, 1)).toEqual([0, 0, 0, 0])
})

test('dead is what the system does not have, or has started since', () => {
  const memory = heldBy(
    { ...LIVING, thread: FIRST },
    { ...DEAD, thread: FIRST + 1 },
    { ...LIVING, start: LIVING.start - 1, thread: FIRST + 2 },
    { ...LIVING, start: 0, thread: FIRST + 3 },
    { ...DEAD, start: 0, thread: FIRST + 4 },
    { id: -7, start: 0, thread: FIRST + 5 },
    { ...DEAD, thread: HERE },
  )
  const dead = Array.from({ length: 7 }, (_, i) => isDead(memory, 'writer', FIRST + i))
  expect(dead).toEqual([false, true, true, false, true, false, false])
  expect(isDead(memory, 'writer', HERE)).toBe(false)
  expect(isDead(memory, 'reader', FIRST + 1)).toBe(false)
  expect(memory.nanos[identityAt(WRITER_HOLDERS + HOLDER_WORDS)]).toBe(DEAD_IDENTITY)
})

test.each([
  [false, 'nobody', []],
  [false, 'one that lives', [{ ...LIVING, thread: FIRST }]],
  [false, 'its maker', [{ ...LIVING, thread: FIRST, uses: 0 }]],
  [true, 'one that is dead', [{ ...DEAD, thread: FIRST }]],
  [
    true,
    'one that is dead, and its maker',
    [
      { ...LIVING, thread: FIRST, uses: 0 },
      { ...DEAD, thread: FIRST + 1 },
    ],
  ],
  [true, 'its dead maker', [{ ...DEAD, thread: FIRST, uses: 0 }]],
  [
    false,
    'one that is dead, and one that lives',
    [
      { ...DEAD, thread: FIRST },
      { ...LIVING, thread: FIRST + 1 },
    ],
  ],
  [
    false,
    'one that is dead, and one that is just coming',
    [
      { ...DEAD, thread: FIRST },
      { ...LIVING, start: 0, thread: 0, uses: 0 },
    ],
  ],
  [true, 'one that died when it was just coming', [{ ...DEAD, start: 0, thread: 0, uses: 0 }]],
  [
    true,
    'one that is dead, and one that cannot help now',
    [
      { ...DEAD, thread: FIRST },
      { ...LIVING, thread: 5 },
    ],
  ],
  [false, 'only one that cannot help now', [{ ...LIVING, thread: 5 }]],
])('deserted: %s, if it was held by %s', (deserted, _, holders) => {
  const memory = heldBy(...holders)
  if (holders.length === 0) memory.words.fill(0, WRITER_HOLDERS, WRITER_HOLDERS + HOLDER_WORDS)
  expect(isDeserted(memory, 'writer', 5)).toBe(deserted)
})

test.each([
  [true, 'one that lives', [{ ...LIVING, thread: FIRST }]],
  [true, 'one that has not said its number yet', [{ ...LIVING, thread: 0 }]],
  [false, 'one that is dead, too', [LIVING, { ...DEAD, thread: FIRST }]],
  [false, 'one that was seen dead before', [LIVING, { id: -1, start: -1, thread: FIRST }]],
  [false, 'one whose number another one has', [{ ...LIVING, start: LIVING.start - 1, thread: FIRST }]],
  [false, 'one that the system cannot look up', [{ id: -FIRST, start: 0, thread: FIRST }]],
])('all there: %s, if a half is held by %s', (live, _, holders) => {
  const { writer, reader } = pipe()
  for (const half of [writer, reader]) {
    for (const [i, holder] of holders.entries()) haunt(half, i + 1, { thread: FIRST - 1, ...holder })
    expect(allThere(openMemory(half.memory))).toBe(live)
    for (const [i] of holders.entries()) haunt(half, i + 1, { ...LIVING, thread: FIRST + i })
  }
})

test('an exit is noted of the thread that it was, in either half', () => {
  const memory = heldBy({ id: -FIRST, start: 0, thread: FIRST }, { id: -FIRST - 1, start: 0, thread: FIRST + 1 })
  haunt({ memory: memory.buffer, half: 'reader' }, 3, { id: -FIRST, start: 0, thread: FIRST })
  for (const slot of [1, 2]) haunt({ memory: memory.buffer, half: 'reader' }, slot, { ...LIVING, thread: slot })
  noteExit(memory, FIRST)
  noteExit(memory, FIRST + 7)
  expect(isDead(memory, 'writer', FIRST)).toBe(true)
  expect(isDead(memory, 'reader', FIRST)).toBe(true)
  expect(isDead(memory, 'writer', FIRST + 1)).toBe(false)
  expect(isDeserted(memory, 'writer', 0)).toBe(false)
})

/** What stands in a slot in the place of a number and a start, once its thread is known to be dead. */
const MARKED = [-1, -1]

test('where all slots are taken, that of a dead thread is used again, but not while it owns a lock', () => {
  const memory = heldBy(...ghosts(MAX_HOLDERS, DEAD))
  Atomics.store(memory.words, WRITE_LOCK, ownerIdentity(FIRST, true))
  enterHolder(memory, 'writer', true)
  // Known to be dead, and left as it is.
  expect(slotOf(memory, 0)).toEqual([...MARKED, FIRST, 1])
  expect(slotOf(memory, 1)).toEqual([LIVING.id, LIVING.start, HERE, 1])
  expect(isDead(memory, 'writer', FIRST)).toBe(true)
  expect(isDeserted(memory, 'writer', 0)).toBe(false)
  enterHolder(memory, 'writer', true)
  expect(slotOf(memory, 2)[2]).toBe(FIRST + 2)
})

test('nor while others wait for the error that it was writing down', () => {
  const memory = heldBy(...ghosts(MAX_HOLDERS, DEAD))
  Atomics.store(memory.words, WRITER_DONE, writingBy(FIRST))
  enterHolder(memory, 'writer', true)
  expect(slotOf(memory, 0)).toEqual([...MARKED, FIRST, 1])
  expect(slotOf(memory, 1)).toEqual([LIVING.id, LIVING.start, HERE, 1])
})

test('nor when it takes a lock and dies while another thread looks', () => {
  const memory = heldBy(...ghosts(MAX_HOLDERS, DEAD))
  const { hasExited } = platform
  try {
    // Just before the system says that it is dead.
    platform.hasExited = (id, start) => {
      if (memory.words[WRITE_LOCK] === FREE) Atomics.store(memory.words, WRITE_LOCK, ownerIdentity(FIRST, false))
      return hasExited(id, start)
    }
    enterHolder(memory, 'writer', true)
  } finally {
    platform.hasExited = hasExited
  }
  expect(slotOf(memory, 0)).toEqual([...MARKED, FIRST, 1])
  expect(isDead(memory, 'writer', FIRST)).toBe(true)
})

test('more threads than slots can hold the half', () => {
  const memory = heldBy(...ghosts(MAX_HOLDERS, LIVING))
  enterHolder(memory, 'writer', true)
  expect(slotOf(memory, MAX_HOLDERS - 1)[2]).toBe(FIRST + MAX_HOLDERS - 1)
  // They are not looked after, and so are waited for when all that have a slot are dead.
  for (const [slot, ghost] of ghosts(MAX_HOLDERS, DEAD).entries()) {
    haunt({ memory: memory.buffer, half: 'writer' }, slot, ghost)
  }
  expect(isDead(memory, 'writer', FIRST)).toBe(true)
  expect(isDeserted(memory, 'writer', 0)).toBe(false)
})

test('a slot is used again in one step: who looks meanwhile sees the dead thread, or a living one that uses the half', () => {
  const memory = heldBy(...ghosts(MAX_HOLDERS, DEAD))
  // as it is when the new holder has taken the slot, and not yet said its number
  memory.nanos[identityAt(WRITER_HOLDERS)] = holderIdentity(LIVING.id, LIVING.start)
  expect(isDeserted(memory, 'writer', 0)).toBe(false)
  expect(slotOf(memory, 0)).toEqual([LIVING.id, LIVING.start, FIRST, 1])
  noteExit(memory, FIRST)
  expect(isDeserted(memory, 'writer', 0)).toBe(false)
  expect(isDead(memory, 'writer', FIRST + 1)).toBe(true)
})

test('the slot of a dead maker is not used again: it would say that the new holder does not use the half', () => {
  const memory = heldBy(
    { ...DEAD, thread: FIRST, uses: 0 },
    ...ghosts(MAX_HOLDERS - 1, DEAD).map((g) => ({ ...g, thread: g.thread + 1 })),
  )
  enterHolder(memory, 'writer', true)
  expect(slotOf(memory, 0)[2]).toBe(FIRST)
  expect(slotOf(memory, 1)).toEqual([LIVING.id, LIVING.start, HERE, 1])
})
