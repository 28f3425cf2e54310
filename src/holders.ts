import { platform } from '#platform'
import type { Half } from './errors.ts'
import {
  ABORT_DONE,
  DEAD,
  DONE_STATE,
  HOLDER_THREAD,
  HOLDER_USES,
  HOLDER_WORDS,
  holderId,
  holderIdentity,
  holderStart,
  identityAt,
  MAX_HOLDERS,
  NOBODY,
  READ_LOCK,
  READER_DONE,
  READER_HOLDERS,
  READER_UNLISTED,
  threadOf,
  WRITE_LOCK,
  WRITER_DONE,
  WRITER_HOLDERS,
  WRITER_UNLISTED,
  WRITING,
  writerOf,
} from './layout.ts'
import { ownerOf } from './lock.ts'
import type { PipeMemory } from './memory.ts'

/**
 * Which threads hold the halves of a pipe, and which of them are dead (C28). A thread enters itself when it makes or rebuilds a half, with what the
 * system knows it by; whoever has waited for long looks there whether the others still live. That needs no event loop on either side.
 */

const HOLDERS = { writer: WRITER_HOLDERS, reader: READER_HOLDERS } as const
const UNLISTED = { writer: WRITER_UNLISTED, reader: READER_UNLISTED } as const
/** What this thread takes a slot by: should it die before it has said more, that is enough to see it. */
const IDENTITY = /* @__PURE__ */ ownIdentity()

function ownIdentity(): bigint {
  const { system, thread } = platform
  return holderIdentity(system?.id ?? -thread, system?.start ?? 0)
}

/** Enters this thread as a holder of a half; `uses` if it is going to move bytes, not only to give the half to others. */
export function enterHolder(memory: PipeMemory, half: Half, uses: boolean): void {
  const { words } = memory
  const holder = holderOf(memory, half, platform.thread) ?? claim(memory, half)
  if (holder === undefined) {
    Atomics.store(words, UNLISTED[half], 1)
    return
  }
  if (uses) Atomics.store(words, holder + HOLDER_USES, 1)
  // The number goes last: until then the holder counts as one that is about to use its half.
  Atomics.store(words, holder + HOLDER_THREAD, platform.thread)
}

/** Notes that a thread has ended, where only the event loop of another one can know. */
export function noteExit(memory: PipeMemory, thread: number): void {
  const identity = holderIdentity(-thread, 0)
  for (const half of ['writer', 'reader'] as const) {
    for (const holder of holders(memory, half)) {
      Atomics.compareExchange(memory.nanos, identityAt(holder), identity, DEAD)
    }
  }
}

/** Whether a thread that holds a half is known to be dead. */
export function isDead(memory: PipeMemory, half: Half, thread: number): boolean {
  if (thread === platform.thread) return false
  const holder = holderOf(memory, half, thread)
  return holder !== undefined && isGone(memory, holder)
}

/** Whether a half has lost a thread that held it, and none that uses it is left, but for one that cannot at the moment. */
export function isDeserted(memory: PipeMemory, half: Half, exceptThread: number): boolean {
  const { words } = memory
  if (Atomics.load(words, UNLISTED[half]) !== 0) return false
  let lost = false
  for (const holder of holders(memory, half)) {
    const thread = Atomics.load(words, holder + HOLDER_THREAD)
    if (thread !== 0 && thread === exceptThread) continue
    const gone = isGone(memory, holder)
    // One that has not said its number yet is just coming.
    if (!gone && (thread === 0 || Atomics.load(words, holder + HOLDER_USES) !== 0)) return false
    lost ||= gone
  }
  return lost
}

/** Whether all that hold the pipe, or ever did, are there: then nothing that a death leaves is to be put right. Costs much less than to look after each. */
export function allThere({ words }: PipeMemory): boolean {
  return areThere(words, WRITER_HOLDERS) && areThere(words, READER_HOLDERS)
}

function areThere(words: Int32Array, first: number): boolean {
  for (let i = 0; i < MAX_HOLDERS; i += 1) {
    // The halves of the identity, without the making of a BigInt.
    const id = Atomics.load(words, first + i * HOLDER_WORDS)
    if (id === 0) return true
    const start = Atomics.load(words, first + i * HOLDER_WORDS + 1)
    const isSelf = id === platform.system?.id && start === platform.system.start
    if (!isSelf && (id < 0 || !platform.isThere(id, start))) return false
  }
  return true
}

/** The slots that are taken: they are taken from the first on, and never given back. */
function* holders({ nanos }: PipeMemory, half: Half): Generator<number> {
  for (let i = 0; i < MAX_HOLDERS; i += 1) {
    const holder = HOLDERS[half] + i * HOLDER_WORDS
    if (Atomics.load(nanos, identityAt(holder)) === NOBODY) return
    yield holder
  }
}

function holderOf(memory: PipeMemory, half: Half, thread: number): number | undefined {
  for (const holder of holders(memory, half)) {
    if (Atomics.load(memory.words, holder + HOLDER_THREAD) === thread) return holder
  }
  return undefined
}

/** Takes a slot; when there is none, that of a dead thread. */
function claim(memory: PipeMemory, half: Half): number | undefined {
  const { words, nanos } = memory
  for (let i = 0; i < MAX_HOLDERS; i += 1) {
    const holder = HOLDERS[half] + i * HOLDER_WORDS
    if (Atomics.compareExchange(nanos, identityAt(holder), NOBODY, IDENTITY) === NOBODY) return holder
  }
  for (const holder of holders(memory, half)) {
    // What the dead one said holds until this thread says its own: so only that of one that used the half.
    if (Atomics.load(words, holder + HOLDER_USES) === 0) continue
    // In this order: one that is dead takes no lock any more, and begins no error.
    if (!isGone(memory, holder) || isSought(words, Atomics.load(words, holder + HOLDER_THREAD))) continue
    if (Atomics.compareExchange(nanos, identityAt(holder), DEAD, IDENTITY) === DEAD) return holder
  }
  // More threads than that are not looked after; then nobody can say that all are dead.
  return undefined
}

/** Whether others look for a thread by its number: as the owner of a lock, or as the author of an error that is not written down yet. */
function isSought(words: Int32Array, thread: number): boolean {
  return (
    [WRITE_LOCK, READ_LOCK].some((lock) => threadOf(ownerOf(words, lock)) === thread) ||
    [ABORT_DONE, WRITER_DONE, READER_DONE].some((done) => {
      const state = Atomics.load(words, done)
      return (state & DONE_STATE) === WRITING && writerOf(state) === thread
    })
  )
}

function isGone({ nanos }: PipeMemory, holder: number): boolean {
  const identity = Atomics.load(nanos, identityAt(holder))
  if (identity === DEAD) return true
  const id = holderId(identity)
  if (id <= 0 || !platform.hasExited(id, holderStart(identity))) return false
  const seen = Atomics.compareExchange(nanos, identityAt(holder), identity, DEAD)
  // If neither, another thread has seen it too, and a third one has taken the slot: that one lives.
  return seen === identity || seen === DEAD
}
