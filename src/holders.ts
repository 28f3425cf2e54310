import { platform } from '#platform'
import type { Half } from './errors.ts'
import {
  GONE,
  HOLDER_ID,
  HOLDER_START,
  HOLDER_STATE,
  HOLDER_THREAD,
  HOLDER_WORDS,
  MAX_HOLDERS,
  READ_LOCK,
  READER_HOLDERS,
  threadOf,
  USES,
  WRITE_LOCK,
  WRITER_HOLDERS,
} from './layout.ts'
import { ownerOf } from './lock.ts'
import type { PipeMemory } from './memory.ts'

/**
 * Which threads hold the halves of a pipe, and which of them are dead (C28). A thread enters itself when it makes or rebuilds a half, with what the
 * system knows it by; whoever has waited for long looks there whether the others still live. That needs no event loop on either side.
 */

const HOLDERS = { writer: WRITER_HOLDERS, reader: READER_HOLDERS } as const
const FREE_SLOT = 0

/** Enters this thread as a holder of a half; `uses` if it is going to move bytes, not only to give the half to others. */
export function enterHolder({ words }: PipeMemory, half: Half, uses: boolean): void {
  const holder = holderOf(words, half, platform.thread) ?? claim(words, half)
  if (holder === undefined) return
  // The number goes last: until then the holder counts as one that is about to use its half.
  Atomics.store(words, holder + HOLDER_START, platform.system?.start ?? 0)
  if (uses) Atomics.or(words, holder + HOLDER_STATE, USES)
  Atomics.store(words, holder + HOLDER_THREAD, platform.thread)
}

/** Notes that a thread has ended, where only the event loop of another one can know. */
export function noteExit({ words }: PipeMemory, thread: number): void {
  for (const half of ['writer', 'reader'] as const) {
    const holder = holderOf(words, half, thread)
    if (holder !== undefined) Atomics.or(words, holder + HOLDER_STATE, GONE)
  }
}

/** Whether a thread that holds a half is known to be dead. */
export function isDead({ words }: PipeMemory, half: Half, thread: number): boolean {
  if (thread === platform.thread) return false
  const holder = holderOf(words, half, thread)
  return holder !== undefined && isGone(words, holder)
}

/** Whether a half has lost a thread that held it, and none that uses it is left, but for one that cannot at the moment. */
export function isDeserted({ words }: PipeMemory, half: Half, exceptThread: number): boolean {
  let lost = false
  for (const holder of holders(words, half)) {
    const thread = Atomics.load(words, holder + HOLDER_THREAD)
    if (thread !== 0 && thread === exceptThread) continue
    const gone = isGone(words, holder)
    // One that has not said its number yet is just coming.
    if (!gone && (thread === 0 || (Atomics.load(words, holder + HOLDER_STATE) & USES) !== 0)) return false
    lost ||= gone
  }
  return lost
}

/** The slots that are taken: they are taken from the first on, and never given back. */
function* holders(words: Int32Array, half: Half): Generator<number> {
  for (let i = 0; i < MAX_HOLDERS; i += 1) {
    const holder = HOLDERS[half] + i * HOLDER_WORDS
    if (Atomics.load(words, holder + HOLDER_ID) === FREE_SLOT) return
    yield holder
  }
}

function holderOf(words: Int32Array, half: Half, thread: number): number | undefined {
  for (const holder of holders(words, half)) {
    if (Atomics.load(words, holder + HOLDER_THREAD) === thread) return holder
  }
  return undefined
}

/**
 * Takes a slot; when there is none, that of a dead thread. The id is what it is taken by: should this thread die before it has said more, that is
 * enough to see it.
 */
function claim(words: Int32Array, half: Half): number | undefined {
  const id = platform.system?.id ?? -platform.thread
  for (let i = 0; i < MAX_HOLDERS; i += 1) {
    const holder = HOLDERS[half] + i * HOLDER_WORDS
    if (Atomics.compareExchange(words, holder + HOLDER_ID, FREE_SLOT, id) === FREE_SLOT) return holder
  }
  for (const holder of holders(words, half)) {
    const dead = Atomics.load(words, holder + HOLDER_ID)
    const owns = [WRITE_LOCK, READ_LOCK].map((lock) => threadOf(ownerOf(words, lock)))
    if (owns.includes(Atomics.load(words, holder + HOLDER_THREAD)) || !isGone(words, holder)) continue
    if (Atomics.compareExchange(words, holder + HOLDER_ID, dead, id) !== dead) continue
    Atomics.store(words, holder + HOLDER_STATE, 0)
    return holder
  }
  // More threads than that are not looked after.
  return undefined
}

function isGone(words: Int32Array, holder: number): boolean {
  if ((Atomics.load(words, holder + HOLDER_STATE) & GONE) !== 0) return true
  const id = Atomics.load(words, holder + HOLDER_ID)
  if (id <= 0 || !platform.hasExited(id, Atomics.load(words, holder + HOLDER_START))) return false
  Atomics.or(words, holder + HOLDER_STATE, GONE)
  return true
}
