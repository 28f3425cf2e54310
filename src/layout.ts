/**
 * The memory map of a pipe: every word and byte of the one SharedArrayBuffer that is a pipe.
 * This is the only file with such numbers in it, and it imports nothing.
 *
 * Lines are 64 bytes (one cache line); what one thread writes often shares no line with what
 * another thread writes often. `w` is an Int32 word, `f` a Float64, `n` a BigInt64 of nanoseconds.
 *
 * | line | name                 | holds                                     | written by                  | parked on (event)  |
 * | ---- | -------------------- | ----------------------------------------- | --------------------------- | ------------------ |
 * | 0    | MAGIC, VERSION       | what this memory is                       | pipe(), once                |                    |
 * | 0    | CAPACITY             | bytes a write may leave unread            | pipe(), once                |                    |
 * | 0    | WINDOW               | bytes that may be staged                  | pipe(), once                |                    |
 * | 0    | ERROR_BYTES          | room for one error                        | pipe(), once                |                    |
 * | 1    | HANDOFF              | the state of the slot, see below          | see below                   | WRITER, READER     |
 * | 1    | FILLED               | bytes of this write put into the window   | the writer holding the lock | READER             |
 * | 1    | LEFT (f)             | bytes of this write no match has claimed  | writer; reader while TAKING |                    |
 * | 2    | DRAINED              | bytes of this write taken out of it       | reader while TAKING         | WRITER             |
 * | 3    | WRITE_LOCK           | who may offer                             | writers                     | WRITE_QUEUE        |
 * | 3    | WRITTEN, WRITES (f)  | bytes written, finished writes            | the writer holding the lock |                    |
 * | 4    | READ_LOCK            | who may take                              | readers                     | READ_QUEUE         |
 * | 4    | READ, READS (f)      | bytes read, finished reads                | the reader holding the lock |                    |
 * | 5    | WRITER event         | what the writer in the slot sleeps on     | readers, closers            | itself             |
 * | 6    | READER event         | what the reader in the slot sleeps on     | writers, closers            | itself             |
 * | 7    | WRITE_QUEUE event    | what writers without the lock sleep on    | writers, closers            | itself             |
 * | 7    | READ_QUEUE event     | what readers without the lock sleep on    | readers, closers            | itself             |
 * | 8    | WRITER_DONE          | how the writer half ended                 | closers of that half        | all four           |
 * | 8    | READER_DONE          | how the reader half ended                 | closers of that half        | all four           |
 * | 8    | ABORT_DONE           | how the pipe was aborted                  | aborters                    | all four           |
 * | 8    | …_ERROR_LENGTH       | bytes of error text behind each           | who moved DONE to WRITING   |                    |
 * | 9    | WRITER_WAIT (n)      | time writers waited                       | writers, atomically         |                    |
 * | 9    | READER_WAIT (n)      | time readers waited                       | readers, atomically         |                    |
 * | 9    | …_PARKS              | times writers, readers went to sleep      | each, atomically            |                    |
 * | 10   | error texts          | 3 × ERROR_BYTES: writer, reader, abort    | who moved DONE to WRITING   |                    |
 * |      | window               | a ring of bytes, 64-byte aligned          | the writer holding the lock |                    |
 *
 * An event is two words: COUNT (grows by one for each wake) and PARKED (1 while somebody may sleep).
 *
 * ## The handoff slot
 *
 * Every transition is one compareExchange on HANDOFF, so a match is decided against close, time-out and abort in
 * one atomic step. ENDED is a bit beside the state; it is only ever set.
 *
 * | from    | to            | by                        | when                                                        |
 * | ------- | ------------- | ------------------------- | ----------------------------------------------------------- |
 * | IDLE    | OFFERED       | writer holding WRITE_LOCK | FILLED, DRAINED and LEFT describe its write, and not ENDED  |
 * | OFFERED | TAKING        | reader holding READ_LOCK  | the match; not when ENDED                                   |
 * | OFFERED | IDLE          | that writer               | it withdraws: time-out, abort signal, or ENDED              |
 * | TAKING  | OFFERED       | that reader               | its read is complete and the write is not                   |
 * | TAKING  | IDLE          | that reader               | its read is complete and so is the write                    |
 * | TAKING  | CUT           | that writer               | it leaves a match that stalled long past its time-out       |
 * | CUT     | IDLE          | that reader               | it took what was filled; nobody waits for more              |
 * | any     | the same, ENDED | any closer              | a DONE word has been moved first                            |
 *
 * ## The ordering edges (all stores and loads named here are sequentially consistent)
 *
 * | edge      | released by                           | acquired by                    | makes visible                         |
 * | --------- | ------------------------------------- | ------------------------------ | ------------------------------------- |
 * | offered   | HANDOFF IDLE → OFFERED                | HANDOFF OFFERED → TAKING       | LEFT, the first bytes in the window   |
 * | filled    | FILLED grows                          | load of FILLED                 | the bytes below it                    |
 * | drained   | DRAINED grows                         | load of DRAINED                | the room behind it                    |
 * | taken     | HANDOFF TAKING → OFFERED, IDLE        | load of HANDOFF                | LEFT; the whole window is free again  |
 * | locked    | a LOCK becomes FREE or RESERVED       | compareExchange to the owner   | the slot between two owners, counters |
 * | ended     | HANDOFF gains ENDED                   | load of HANDOFF                | the DONE words                        |
 * | explained | a DONE word moves WRITING → FAILED    | load of that DONE word         | the error text                        |
 */

/** Bytes of one cache line: what alignment and spacing are counted in. */
const LINE_BYTES = 64
const WORDS_PER_LINE = LINE_BYTES / Int32Array.BYTES_PER_ELEMENT
const FLOATS_PER_LINE = LINE_BYTES / Float64Array.BYTES_PER_ELEMENT

/** "tpip" in little-endian bytes. */
export const MAGIC_VALUE = 0x70697074
export const VERSION_VALUE = 1

// line 0: identity
export const MAGIC = 0
export const VERSION = 1
export const CAPACITY = 2
export const WINDOW = 3
export const ERROR_BYTES = 4

// line 1: the handoff slot
export const HANDOFF = 1 * WORDS_PER_LINE
export const FILLED = 1 * WORDS_PER_LINE + 1
export const LEFT = 1 * FLOATS_PER_LINE + 1

// line 2: what readers tell the writer
export const DRAINED = 2 * WORDS_PER_LINE

// lines 3 and 4: the locks, and what their holders count
export const WRITE_LOCK = 3 * WORDS_PER_LINE
export const WRITTEN = 3 * FLOATS_PER_LINE + 1
export const WRITES = 3 * FLOATS_PER_LINE + 2
export const READ_LOCK = 4 * WORDS_PER_LINE
export const READ = 4 * FLOATS_PER_LINE + 1
export const READS = 4 * FLOATS_PER_LINE + 2

// lines 5 to 7: events; an event is named by its COUNT word, and PARKED follows it
export const WRITER_EVENT = 5 * WORDS_PER_LINE
export const READER_EVENT = 6 * WORDS_PER_LINE
export const WRITE_QUEUE_EVENT = 7 * WORDS_PER_LINE
export const READ_QUEUE_EVENT = 7 * WORDS_PER_LINE + 2
export const PARKED_OFFSET = 1

// line 8: endings; a DONE word is followed by the length of its error text
export const WRITER_DONE = 8 * WORDS_PER_LINE
export const READER_DONE = 8 * WORDS_PER_LINE + 2
export const ABORT_DONE = 8 * WORDS_PER_LINE + 4
export const ERROR_LENGTH_OFFSET = 1

// line 9: time and parks
export const WRITER_WAIT = 9 * FLOATS_PER_LINE
export const READER_WAIT = 9 * FLOATS_PER_LINE + 1
export const WRITER_PARKS = 9 * WORDS_PER_LINE + 4
export const READER_PARKS = 9 * WORDS_PER_LINE + 5

const HEADER_BYTES = 10 * LINE_BYTES
const ERROR_AREAS = [WRITER_DONE, READER_DONE, ABORT_DONE]

// HANDOFF: a state, and the ENDED bit beside it
export const IDLE = 0
export const OFFERED = 1
export const TAKING = 2
export const CUT = 3
export const ENDED = 4

// DONE: how a half, or by abort the whole pipe, ended
export const OPEN = 0
export const CLOSED = 1
/** Ended with an error whose text is still being written. */
export const WRITING = 2
export const FAILED = 3

// LOCK: FREE, RESERVED (free, but only for those who have waited long), or the owner's identity
export const FREE = 0
export const RESERVED = -1
/** A bit beside the owner: somebody has waited so long that the owner must not take the lock again at once. */
export const IMPATIENT = 1 << 30

/** Where the error text of a DONE word starts, in bytes. */
export function errorOffset(done: number, errorBytes: number): number {
  return HEADER_BYTES + ERROR_AREAS.indexOf(done) * alignToLine(errorBytes)
}

/** Where the window starts, in bytes: 64-byte aligned. */
export function windowOffset(errorBytes: number): number {
  return HEADER_BYTES + ERROR_AREAS.length * alignToLine(errorBytes)
}

/** The ring behind a window of `limit` bytes: a power of two, so that a growing 32-bit count masks to a position. */
export function ringBytes(limit: number): number {
  return Math.max(LINE_BYTES, 2 ** Math.ceil(Math.log2(limit)))
}

/** The size of the whole memory of a pipe, in bytes. */
export function memoryBytes(errorBytes: number, limit: number): number {
  return windowOffset(errorBytes) + ringBytes(limit)
}

function alignToLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES
}
