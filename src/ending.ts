import { platform } from '#platform'
import { decodeError, encodeError } from './error-codec.ts'
import { closedHere, closedThere, corrupt, detailLost, exitedHere, exitedThere, type Half, PEER } from './errors.ts'
import { isDead } from './holders.ts'
import {
  ABORT_DONE,
  CLOSED,
  DONE_STATE,
  ENDED,
  ERROR_LENGTH_OFFSET,
  EXITED,
  errorOffset,
  FAILED,
  HANDOFF,
  OPEN,
  READ_LOCK,
  READER_DONE,
  READER_EVENT,
  SEALED,
  STORED,
  WRITE_LOCK,
  WRITER_DONE,
  WRITER_EVENT,
  WRITING,
  writerOf,
  writingBy,
} from './layout.ts'
import { wakeQueue } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { wake } from './waiting.ts'

/**
 * How a pipe ends, and what its operations then say.
 *
 * A DONE word moves once, by compareExchange, so the first end wins (C13): OPEN → CLOSED, or OPEN → WRITING → FAILED with an
 * error text, or OPEN → EXITED where others have seen it die. As soon as it has moved HANDOFF gains ENDED, after which no match starts (C17), and everybody is woken to look (C16).
 * Whoever finds a half already ended sets ENDED as well: the thread that moved the word may have died between the two.
 */

const DONE = { reader: READER_DONE, writer: WRITER_DONE } as const

/** What an ended pipe says to an operation: end of file, an error, or that the error's text is not there yet. */
export type Ending = null | Error | 'unexplained'

/** Ends a half without an error. Never waits, never fails. */
export function closeHalf(memory: PipeMemory, half: Half): void {
  Atomics.compareExchange(memory.words, DONE[half], OPEN, CLOSED)
  end(memory.words)
}

/** Ends a half with an error for the other half. Never waits, never fails. */
export function failHalf(memory: PipeMemory, half: Half, error: Error): void {
  endWithError(memory, DONE[half], error)
}

/** Ends both halves with one error, which outranks all others (C26). Never waits, never fails. */
export function abortPipe(memory: PipeMemory, error: Error): void {
  endWithError(memory, ABORT_DONE, error)
}

/** Ends a half whose threads are dead, or one of them in the middle of a call (C28). */
export function endExited({ words }: PipeMemory, half: Half): void {
  Atomics.compareExchange(words, DONE[half], OPEN, EXITED)
  end(words)
}

/** What an operation of `half` is told, given that HANDOFF has ENDED. Acquires the edges `ended` and `explained`. */
export function endingFor(memory: PipeMemory, half: Half): Ending {
  const { words } = memory
  const aborted = Atomics.load(words, ABORT_DONE)
  if (aborted !== OPEN) return explain(memory, half, ABORT_DONE, aborted)
  const own = Atomics.load(words, DONE[half])
  if (own !== OPEN) return own === EXITED ? exitedHere(half) : closedHere(half)
  const peer = Atomics.load(words, DONE[PEER[half]])
  switch (peer) {
    case OPEN:
      return corrupt('the ended bit is set, but the writer, reader and abort words say open:', peer)
    case CLOSED:
      return half === 'reader' ? null : closedThere(half)
    case EXITED:
      return exitedThere(half)
    default:
      return explain(memory, half, DONE[PEER[half]], peer)
  }
}

/** What an operation says when the error text does not come: whoever was writing it is dead. */
export function endingUnexplained(half: Half): Error {
  return detailLost(half)
}

export function isClosed(memory: PipeMemory, half: Half): boolean {
  return Atomics.load(memory.words, DONE[half]) !== OPEN
}

export function isAborted(memory: PipeMemory): boolean {
  return Atomics.load(memory.words, ABORT_DONE) !== OPEN
}

/** Finishes an end that a dying thread left half done: a DONE word has moved, but nobody was told. */
export function helpEnd({ words }: PipeMemory): void {
  if ((Atomics.load(words, HANDOFF) & ENDED) !== 0 && (Atomics.load(words, STORED) & SEALED) !== 0) return
  if (isEnding(words)) end(words)
}

/** Whether somebody has ended the pipe, or begun to. */
export function isEnding(words: Int32Array): boolean {
  const isOver = (done: number): boolean => Atomics.load(words, done) !== OPEN
  return isOver(ABORT_DONE) || isOver(WRITER_DONE) || isOver(READER_DONE)
}

function endWithError(memory: PipeMemory, done: number, error: Error): void {
  const { words } = memory
  if (Atomics.load(words, done) === OPEN) {
    const text = encodeError(error, memory.errorBytes)
    if (Atomics.compareExchange(words, done, OPEN, writingBy(platform.thread)) === OPEN) {
      end(words) // before the text: should this thread die over it, that costs the detail only
      textArea(memory, done, text.length).set(text)
      words[done + ERROR_LENGTH_OFFSET] = text.length
      Atomics.store(words, done, FAILED) // edge: explained
    }
  }
  end(words)
}

function end(words: Int32Array): void {
  Atomics.or(words, HANDOFF, ENDED) // edge: ended
  Atomics.or(words, STORED, SEALED) // from here on no byte is stored in a buffered pipe
  wake(words, WRITER_EVENT) // tells the writer in the slot: withdraw
  wake(words, READER_EVENT) // tells the reader waiting for an offer: none will come
  wakeQueue(words, WRITE_LOCK) // tells the writers queued behind it
  wakeQueue(words, READ_LOCK) // tells the readers queued behind it
}

function explain(memory: PipeMemory, half: Half, done: number, state: number): Ending {
  if ((state & DONE_STATE) === WRITING) return isLost(memory, writerOf(state)) ? detailLost(half) : 'unexplained'
  if (state !== FAILED) return corrupt(`a done word of the ${half}'s peer`, state)
  const length = memory.words[done + ERROR_LENGTH_OFFSET] as number
  if (length < 0 || length > memory.errorBytes) return corrupt('the length of an error text', length)
  return decodeError(textArea(memory, done, length)) ?? corrupt('the error text, in bytes,', length)
}

/** Whether the thread that was writing an error down is dead, as far as the holders tell. */
function isLost(memory: PipeMemory, thread: number): boolean {
  return isDead(memory, 'writer', thread) || isDead(memory, 'reader', thread)
}

function textArea(memory: PipeMemory, done: number, length: number): Uint8Array {
  return new Uint8Array(memory.buffer, errorOffset(done, memory.errorBytes), length)
}
