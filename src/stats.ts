import { isAborted, isClosed } from './ending.ts'
import type { Half } from './errors.ts'
import {
  bytesHeld,
  DRAINED,
  READ,
  READER_PARKS,
  READER_WAIT,
  READS,
  STORED,
  WRITER_PARKS,
  WRITER_WAIT,
  WRITES,
  WRITTEN,
} from './layout.ts'
import type { PipeMemory } from './memory.ts'

/** What has gone through a pipe, and who waited. The same from either half, in any thread; looking never waits (C32). */
export interface PipeStats {
  /** Bytes that writes have handed over, also those of writes that failed half-way. */
  bytesWritten: number
  /** Bytes that reads have taken. */
  bytesRead: number
  /** Writes that have gone over whole; those of no bytes count in a rendezvous pipe only, where they meet a read. */
  writes: number
  /** Reads that have given a number. */
  reads: number
  /** How often writers went to sleep. */
  writerParks: number
  /** How often readers went to sleep. */
  readerParks: number
  /** Time writers have waited, in ms; waits of under a microsecond are not counted, one that is under way up to the last 200 ms or so. */
  writerWaitMs: number
  /** Time readers have waited, in ms, likewise. */
  readerWaitMs: number
  /** Bytes stored in the pipe and not yet read; always 0 in a rendezvous pipe. */
  buffered: number
  /** Bytes that may be stored: the option `capacity`. */
  capacity: number
  /** Whether the writer has ended: closed, with or without an error, or by the death of its threads. */
  writerClosed: boolean
  /** Whether the reader has ended, likewise. */
  readerClosed: boolean
  /** Whether the pipe was aborted. */
  aborted: boolean
}

const WAIT = { writer: WRITER_WAIT, reader: READER_WAIT } as const
const PARKS = { writer: WRITER_PARKS, reader: READER_PARKS } as const
const NANOS_PER_MS = 1e6

export function readStats(memory: PipeMemory): PipeStats {
  const { words, floats, nanos } = memory
  const waitMs = (half: Half): number => Number(Atomics.load(nanos, WAIT[half])) / NANOS_PER_MS
  return {
    bytesWritten: floats[WRITTEN] as number,
    bytesRead: floats[READ] as number,
    writes: floats[WRITES] as number,
    reads: floats[READS] as number,
    writerParks: Atomics.load(words, WRITER_PARKS) >>> 0,
    readerParks: Atomics.load(words, READER_PARKS) >>> 0,
    writerWaitMs: waitMs('writer'),
    readerWaitMs: waitMs('reader'),
    buffered: buffered(memory),
    capacity: memory.capacity,
    writerClosed: isClosed(memory, 'writer'),
    readerClosed: isClosed(memory, 'reader'),
    aborted: isAborted(memory),
  }
}

/** Bytes stored and still to be read: none once nobody may read them. */
function buffered(memory: PipeMemory): number {
  if (memory.capacity === 0 || isClosed(memory, 'reader') || isAborted(memory)) return 0
  const { words } = memory
  // Counted by two sides that go on meanwhile: never more than can be.
  const held = bytesHeld(Atomics.load(words, DRAINED), Atomics.load(words, STORED))
  return Math.min(held, memory.capacity)
}

export function countPark(memory: PipeMemory, half: Half): void {
  Atomics.add(memory.words, PARKS[half], 1)
}

/** Counts a wait, or a part of one, that began at `startedMs` of this thread's clock. @returns up to when it is counted now */
export function countWait(memory: PipeMemory, half: Half, startedMs: number): number {
  const nowMs = performance.now()
  const nanos = Math.round((nowMs - startedMs) * NANOS_PER_MS)
  Atomics.add(memory.nanos, WAIT[half], BigInt(nanos))
  return nowMs
}
