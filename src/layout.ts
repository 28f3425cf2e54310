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
 * | 1    | STARTED              | the count of bytes that this write begins at: where in the window | the writer holding the lock | |
 * | 1    | FILLED               | that count, with the bytes of it put into the window | the writer holding the lock | READER  |
 * | 1    | CUT_AT               | DRAINED as it was when the writer cut     | the writer holding the lock |                    |
 * | 1    | PARTLY_TAKEN         | 1: matches before have taken some of it   | writer; reader while TAKING |                    |
 * | 1    | LEFT (f)             | bytes of this write no match has claimed  | writer; reader while TAKING |                    |
 * | 1    | STORED               | buffered: bytes stored since ever, SEALED | the writer holding the lock, closers | READER     |
 * | 1    | PAST_END             | buffered: two words, for every other lap of the ring: how many of its first bytes lie past the end | the writer holding the lock | |
 * | 1    | short write          | a write of a few bytes, beside its offer: as in the window | the writer holding the lock | |
 * | 2    | DRAINED              | that count, with the bytes of it taken out again | reader while TAKING  | WRITER             |
 * | 2    | LENT_TO              | DRAINED as it counts if the writer leaves | reader, before LENT         |                    |
 * | 3    | WRITE_LOCK           | who may offer; and WATCHED                | writers; readers: WATCHED   | its queue          |
 * | 3    | …_WAITERS            | a bit for each place taken in its queue   | writers                     |                    |
 * | 3    | …_ROTATION           | grows when a waiter is served             | writers                     |                    |
 * | 3    | …_NEXT               | the place to serve next, if it is taken   | writers                     |                    |
 * | 3    | WRITTEN, WRITES (f)  | bytes written, finished writes            | the writer holding the lock |                    |
 * | 4    | READ_LOCK, …         | who may take; the same four words         | readers                     | its queue          |
 * | 4    | READ, READS (f)      | bytes read, finished reads                | the reader holding the lock |                    |
 * | 5    | WRITER event         | what the writer in the slot sleeps on     | readers, closers            | itself             |
 * | 5    | WANTED_ROOM          | buffered: the room worth waking it for    | the sleeping writer         |                    |
 * | 6    | READER event         | what the reader in the slot sleeps on     | writers, closers            | itself             |
 * | 7    | WRITER_DONE          | how the writer half ended                 | its closers, who sees death | every event        |
 * | 7    | READER_DONE          | how the reader half ended                 | its closers, who sees death | every event        |
 * | 7    | ABORT_DONE           | how the pipe was aborted                  | aborters                    | every event        |
 * | 7    | …_ERROR_LENGTH       | bytes of error text behind each           | who moved DONE to WRITING   |                    |
 * | 7    | WRITER_UNLISTED, READER_UNLISTED | 1: threads hold it that found no slot | such threads     |                    |
 * | 8    | WRITER_WAIT (n)      | time writers waited                       | writers, atomically         |                    |
 * | 8    | READER_WAIT (n)      | time readers waited                       | readers, atomically         |                    |
 * | 8    | …_PARKS              | times writers, readers went to sleep      | each, atomically            |                    |
 * | 9    | write queue          | 32 events: one for each place, one for    | writers, closers            | themselves         |
 * | 13   | read queue           | those who found no place                  | readers, closers            | themselves         |
 * | 17   | WRITER_HOLDERS       | 64 threads that hold the writer half      | each thread its own, watch  |                    |
 * | 33   | READER_HOLDERS       | 64 threads that hold the reader half      | each thread its own, watch  |                    |
 * | 49   | error texts          | 3 × ERROR_BYTES: writer, reader, abort    | who moved DONE to WRITING   |                    |
 * |      | window               | a ring of bytes, 64-byte aligned; buffered: CAPACITY more past its end | the writer holding the lock | |
 *
 * An event is two words: COUNT (grows by one for each wake) and PARKED (1 while somebody may sleep).
 *
 * A holder is a BigInt64 and two words, so that others can see whether its thread lives: its identity (the number the system has for the thread,
 * minus its own where that cannot be had, and when the system started it, since numbers are used again; or NOBODY, or DEAD), HOLDER_THREAD (its own
 * number, as owners of locks give it) and HOLDER_USES (whether it moves bytes). A slot changes hands by one compareExchange of the identity.
 *
 * ## The handoff slot
 *
 * Every transition is one compareExchange on HANDOFF, so a match is decided against close, time-out and abort in
 * one atomic step. ENDED is a bit beside the state; it is only ever set. Above it stands a number, which grows with each offer and each match, so
 * that a word that is the same as before has not been another meanwhile.
 *
 * | from    | to            | by                        | when                                                        |
 * | ------- | ------------- | ------------------------- | ----------------------------------------------------------- |
 * | IDLE    | OFFERED       | writer holding WRITE_LOCK | with the next number: STARTED, FILLED, DRAINED and LEFT describe its write; not when ENDED |
 * | OFFERED | IDLE          | reader holding READ_LOCK  | match and all: it has copied the write, whole and of one piece; not when ENDED |
 * | OFFERED | TAKING        | reader holding READ_LOCK  | the match, with the next number; not when ENDED             |
 * | OFFERED | IDLE          | that writer               | it withdraws: time-out, abort signal, or ENDED              |
 * | TAKING  | OFFERED       | that reader               | its read is complete and the write is not                   |
 * | TAKING  | IDLE          | that reader               | its read is complete and so is the write                    |
 * | TAKING  | LENT          | that reader               | in place: a callback has the bytes                          |
 * | LENT    | OFFERED, IDLE | that reader               | as from TAKING                                              |
 * | TAKING  | CUT           | that writer               | it leaves a match that stalled long past its time-out       |
 * | LENT    | CUT           | that writer               | the same; or the pipe has ended and the callback stays on   |
 * | CUT     | IDLE          | that reader               | its read is what it had drained, or claimed, at CUT_AT      |
 * | any     | the same, ENDED | any closer              | a DONE word has been moved first                            |
 *
 * ## The ring of a buffered pipe
 *
 * There HANDOFF carries ENDED only. The writer holding WRITE_LOCK stores bytes and publishes them in STORED, a count of 31 bits with the bit SEALED
 * below it; the reader holding READ_LOCK takes them and publishes that in DRAINED. Whoever ends the pipe sets SEALED: a writer publishes by
 * compareExchange, so bytes are either stored before the end, and drained, or not acknowledged. A write in place needs its room in one piece: where
 * the ring ends before that, its bytes go on past the end, into memory kept for that, and PAST_END of the lap that begins there says how many. That
 * word is set by the write that comes to the end of the ring, whatever it is; what was said there two laps ago has been read by then.
 *
 * ## The ordering edges (all stores and loads named here are sequentially consistent)
 *
 * | edge      | released by                           | acquired by                    | makes visible                         |
 * | --------- | ------------------------------------- | ------------------------------ | ------------------------------------- |
 * | offered   | HANDOFF IDLE → OFFERED                | HANDOFF OFFERED → TAKING, IDLE | STARTED, LEFT, the first bytes in the window, a short write |
 * | filled    | FILLED grows; STORED grows            | load of FILLED, of STORED      | the bytes below it; PAST_END          |
 * | drained   | DRAINED grows                         | load of DRAINED                | the room behind it                    |
 * | lent      | HANDOFF TAKING → LENT                 | load of HANDOFF                | LENT_TO                               |
 * | cut       | HANDOFF TAKING, LENT → CUT            | load of HANDOFF                | CUT_AT                                |
 * | taken     | HANDOFF TAKING, OFFERED → OFFERED, IDLE | load of HANDOFF              | LEFT; the whole window is free again  |
 * | locked    | a LOCK becomes free                   | compareExchange to the owner   | the slot between two owners, counters |
 * | ended     | HANDOFF gains ENDED                   | load of HANDOFF                | the DONE words                        |
 * | died      | the end of a thread                   | the system's word; DEAD        | all that it did                       |
 * | explained | a DONE word moves WRITING → FAILED    | load of that DONE word         | the error text                        |
 */

/** Bytes of one cache line: what alignment and spacing are counted in. */
export const LINE_BYTES = 64
const WORDS_PER_LINE = 16
const FLOATS_PER_LINE = 8
const WORD_BYTES = 4

/** "tpip" in little-endian bytes. */
export const MAGIC_VALUE = 0x70697074
export const VERSION_VALUE = 5

// line 0: identity
export const MAGIC = 0
export const VERSION = 1
export const CAPACITY = 2
export const WINDOW = 3
export const ERROR_BYTES = 4

// line 1: the handoff slot
export const HANDOFF = 1 * WORDS_PER_LINE
export const FILLED = 1 * WORDS_PER_LINE + 1
export const CUT_AT = 1 * WORDS_PER_LINE + 2
export const PARTLY_TAKEN = 1 * WORDS_PER_LINE + 3
export const STORED = 1 * WORDS_PER_LINE + 6
export const PAST_END = 1 * WORDS_PER_LINE + 7
export const STARTED = 1 * WORDS_PER_LINE + 11
export const LEFT = 1 * FLOATS_PER_LINE + 2
/** Where the bytes of a short write stand once more, so that they come with the cache line of the offer: the offset in bytes. */
export const SHORT_AT = (1 * WORDS_PER_LINE + 9) * WORD_BYTES
/** The most bytes that a short write has. Longer ones would have room, too, but are copied sooner once than wait for one cache line less. */
export const SHORT_BYTES = 8

// line 2: what readers tell the writer
export const DRAINED = 2 * WORDS_PER_LINE
export const LENT_TO = 2 * WORDS_PER_LINE + 1

// lines 3 and 4: the locks, and what their holders count
export const WRITE_LOCK = 3 * WORDS_PER_LINE
export const WRITTEN = 3 * FLOATS_PER_LINE + 4
export const WRITES = 3 * FLOATS_PER_LINE + 5
export const READ_LOCK = 4 * WORDS_PER_LINE
export const READ = 4 * FLOATS_PER_LINE + 4
export const READS = 4 * FLOATS_PER_LINE + 5
export const WAITERS_OFFSET = 1
export const ROTATION_OFFSET = 2
export const NEXT_OFFSET = 3

// lines 5 and 6: events; an event is named by its COUNT word, and PARKED follows it
export const WRITER_EVENT = 5 * WORDS_PER_LINE
export const READER_EVENT = 6 * WORDS_PER_LINE
export const PARKED_OFFSET = 1
export const WANTED_ROOM = 5 * WORDS_PER_LINE + 2
const EVENT_WORDS = 2

// line 7: endings; a DONE word is followed by the length of its error text
export const WRITER_DONE = 7 * WORDS_PER_LINE
export const READER_DONE = 7 * WORDS_PER_LINE + 2
export const ABORT_DONE = 7 * WORDS_PER_LINE + 4
export const ERROR_LENGTH_OFFSET = 1
export const WRITER_UNLISTED = 7 * WORDS_PER_LINE + 6
export const READER_UNLISTED = 7 * WORDS_PER_LINE + 7

// line 8: time and parks
export const WRITER_WAIT = 8 * FLOATS_PER_LINE
export const READER_WAIT = 8 * FLOATS_PER_LINE + 1
export const WRITER_PARKS = 8 * WORDS_PER_LINE + 4
export const READER_PARKS = 8 * WORDS_PER_LINE + 5

// lines 9 to 16: the queues of the locks
const WRITE_QUEUE = 9 * WORDS_PER_LINE
const READ_QUEUE = 13 * WORDS_PER_LINE
/** Places in a queue: the bits of a WAITERS word but the sign. */
export const MAX_QUEUED = 31

// lines 17 to 48: who holds the halves
export const WRITER_HOLDERS = 17 * WORDS_PER_LINE
export const READER_HOLDERS = 33 * WORDS_PER_LINE
export const MAX_HOLDERS = 64
export const HOLDER_WORDS = 4
export const HOLDER_THREAD = 2
/** 1: the holder moves bytes, or has come to do so; one that has only made the pipe holds the halves without. */
export const HOLDER_USES = 3

/** The identity in a slot that was never taken. */
export const NOBODY = 0n
/** The identity in a slot whose thread was seen dead. No thread has it: where the number is negative, the start is 0. */
export const DEAD = -1n

/** What tells a thread from all others, also from those of before and after. */
export function holderIdentity(id: number, start: number): bigint {
  return (BigInt(start) << START_SHIFT) | BigInt.asUintN(ID_BITS, BigInt(id))
}

const ID_BITS = 32
const START_SHIFT = 32n

/** The number that the system has for a holder; negative where it has none. */
export function holderId(identity: bigint): number {
  return Number(BigInt.asIntN(ID_BITS, identity))
}

/** When the system started a holder. */
export function holderStart(identity: bigint): number {
  return Number(identity >> START_SHIFT)
}

/** Where the identity of the holder at a word lies, in BigInt64s. */
export function identityAt(holder: number): number {
  return holder >> 1
}

const HEADER_BYTES = 49 * LINE_BYTES
const ERROR_AREAS = [WRITER_DONE, READER_DONE, ABORT_DONE]

// HANDOFF: a state, the ENDED bit beside it, and above them the number of the offer or match, so that no two look alike
export const IDLE = 0
export const OFFERED = 1
export const TAKING = 2
export const CUT = 3
export const LENT = 4
export const STATE = 7
export const ENDED = 8
export const ONE_OFFER = 16

/** A HANDOFF word in another state. */
export function inState(handoff: number, state: number): number {
  return (handoff & ~STATE) | state
}

// STORED: a count of 31 bits, and a bit that says the pipe has ended
export const SEALED = 1
const COUNT_MASK = 0x7fff_ffff

/** The count in a STORED word. */
export function storedCount(stored: number): number {
  return stored >>> 1
}

/** A STORED word with `bytes` more. */
export function storedMore(stored: number, bytes: number): number {
  return (stored + bytes * 2) | 0
}

/** A count of 31 bits with `bytes` more. */
export function countMore(count: number, bytes: number): number {
  return (count + bytes) & COUNT_MASK
}

/** Bytes that are stored and not drained. */
export function bytesHeld(drained: number, stored: number): number {
  return countBetween(drained, storedCount(stored))
}

/** The difference of two counts of 31 bits. */
export function countBetween(from: number, to: number): number {
  return (to - from) & COUNT_MASK
}

// DONE: how a half, or by abort the whole pipe, ended
export const OPEN = 0
export const CLOSED = 1
/** Ended with an error whose text is still being written, by the thread whose number stands above the state. */
export const WRITING = 2
export const FAILED = 3
/** Ended by others: the threads that held it are dead. */
export const EXITED = 4
export const DONE_STATE = 7
const DONE_BITS = 3

/** A DONE word while the thread writes its error down. */
export function writingBy(thread: number): number {
  return (thread << DONE_BITS) | WRITING
}

/** Who writes the error down. */
export function writerOf(done: number): number {
  return done >>> DONE_BITS
}

// LOCK: FREE, the owner's identity (positive), or reserved for a place in the queue (negative)
export const FREE = 0
/**
 * Set beside the owner, or alone if there is none: whoever gives the lock up looks who waits for that. It is set before anybody sleeps, and taken away only
 * by one that then looks once more.
 */
export const WATCHED = 0x4000_0000

/** The identity under which an operation of a thread owns a lock. */
export function ownerIdentity(thread: number, awaited: boolean): number {
  return (thread << 1) | (awaited ? AWAITED : 0)
}

/** Set in the identity of an owner whose operation is awaited. */
export const AWAITED = 1

/** The thread of an owner. */
export function threadOf(owner: number): number {
  return owner >>> 1
}

export function reservedFor(place: number): number {
  return -1 - place
}

export function placeOfReserved(lock: number): number {
  return -1 - lock
}

/** The event that the waiter at a place sleeps on; place MAX_QUEUED is for all that found none. */
export function queueEvent(lock: number, place: number): number {
  return (lock === WRITE_LOCK ? WRITE_QUEUE : READ_QUEUE) + place * EVENT_WORDS
}

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

/** Behind the ring of a buffered pipe: room for a write in place that goes on past the end. */
export function pastEndBytes(capacity: number): number {
  return alignToLine(capacity)
}

/** Which word tells how many of the first bytes of a count's lap lie past the end of the ring: the bit above its mask tells one lap from the next. */
export function pastEndWord(count: number, mask: number): number {
  return (count & (mask + 1)) === 0 ? PAST_END : PAST_END + 1
}

/** The size of the whole memory of a pipe, in bytes. */
export function memoryBytes(errorBytes: number, window: number): number {
  return windowOffset(errorBytes) + window
}

/** As many bytes as whole cache lines. */
export function alignToLine(bytes: number): number {
  return Math.ceil(bytes / LINE_BYTES) * LINE_BYTES
}
