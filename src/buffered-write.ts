import { platform } from '#platform'
import {
  bytesHeld,
  countMore,
  DRAINED,
  ENDED,
  HANDOFF,
  LINE_BYTES,
  pastEndWord,
  READER_EVENT,
  SEALED,
  STORED,
  storedCount,
  storedMore,
  WANTED_ROOM,
  WRITER_EVENT,
  WRITTEN,
} from './layout.ts'
import { ENTERED, FINISHED, MOVING, NOTHING } from './operation.ts'
import { wake } from './waiting.ts'
import { WriteOperation } from './write-operation.ts'

/** Writes of up to this many bytes are stored whole, or not at all: POSIX's PIPE_BUF. */
const WHOLE_BYTES = 4096
/** Writes of up to this many bytes claim cache lines of the ring for those that follow, as they come over a multiple of so many. A longer one has several lines to itself. */
const CLAIMING_BYTES = 256
const CLAIMED_BYTES = 512
const NOT_YET = -1

/**
 * A write to a buffered pipe: holds the write lock and stores bytes in the ring until all are in. A short one waits until it fits whole; a
 * long one goes in as far as there is room, and then waits for a good piece more, not for each byte.
 */
export class BufferedWrite extends WriteOperation {
  /** The room that the next step waits for, in bytes. */
  #wanted = 0
  /** In place: how many of the bytes lent the caller has filled. */
  #committed = NOT_YET
  /** WRITTEN as the last write has left it, and DRAINED as it was seen for that: good as long as nobody else has written. At first nobody has. */
  #writtenLast = 0
  #drainedLast = 0

  override begin(source: Uint8Array): void {
    super.begin(source)
    this.#committed = NOT_YET
  }

  /** A short write for which room is known to be there, in one go. For any other the base class first leaves what was begun here, and begins again. */
  override start(source: Uint8Array): boolean {
    const { words, memory } = this
    const n = source.length
    if (n === 0 || n > WHOLE_BYTES || !this.enterAtOnce()) return super.start(source)
    const stored = words[STORED] as number
    const position = storedCount(stored) & memory.mask
    const isOpen = (stored & SEALED) === 0
    const room = this.#roomKnown(stored)
    if (!isOpen || n > room || n > memory.mask - position) return super.start(source)
    platform.copy(memory.window, position, source, 0, n, true)
    if (n <= CLAIMING_BYTES && ((position ^ (position + n)) & -CLAIMED_BYTES) !== 0) this.#claim(position + n, room - n)
    // edge: filled
    if (Atomics.compareExchange(words, STORED, stored, storedMore(stored, n)) !== stored) return super.start(source)
    this.moved = n
    this.#writtenLast = (memory.floats[WRITTEN] as number) + n
    return this.finishAtOnce()
  }

  /** A write in place for which there is room, in the same way. Of what `begin` sets it needs nothing else: the rest is set before it is looked at. */
  override startLending(size: number): boolean {
    if (!this.enterAtOnce()) return super.startLending(size)
    const { words } = this
    const stored = words[STORED] as number
    const isOpen = (stored & SEALED) === 0
    let room = this.#roomKnown(stored)
    if (room < size) room = this.#room(Atomics.load(words, DRAINED), stored) // edge: drained
    if (!isOpen || room < size) return super.startLending(size)
    this.lending = true
    return this.lend(storedCount(stored) & this.memory.mask, size)
  }

  /** A write of nothing waits for nothing (C23). */
  override step(): boolean {
    if (this.length > 0 || this.lending || !this.queued) return super.step()
    if ((Atomics.load(this.words, HANDOFF) & ENDED) !== 0) return this.end()
    this.leave()
    return FINISHED
  }

  protected meet(): boolean {
    if (this.#committed !== NOT_YET) return this.#publishCommitted()
    this.#wanted = this.#firstRoom()
    this.phase = MOVING
    return this.move()
  }

  protected move(): boolean {
    const { words } = this
    const { mask, capacity } = this.memory
    for (;;) {
      // Under the lock it is as the last writer has left it, or sealed since: then the compareExchange fails.
      const stored = words[STORED] as number
      if ((stored & SEALED) !== 0) return this.end()
      if (!this.intact) throw this.detached()
      let room = this.#roomKnown(stored)
      if (room < this.#wanted) {
        const drained = Atomics.load(words, DRAINED) // edge: drained
        room = this.#room(drained, stored)
        if (room < this.#wanted) {
          // Once more, and this time in order: an end that comes before it sleeps must not be missed.
          if ((Atomics.load(words, STORED) & SEALED) !== 0) return this.end()
          return this.block(DRAINED, drained, WRITER_EVENT)
        }
      }
      const position = storedCount(stored) & mask
      if (this.lending) return this.lend(position, this.length)

      const n = Math.min(this.length - this.moved, room)
      const beforeEnd = Math.min(n, mask + 1 - position)
      this.copyIn(position, this.moved, beforeEnd)
      if (beforeEnd < n) this.copyIn(0, this.moved + beforeEnd, n - beforeEnd)
      if (!this.#publish(stored, n)) return this.end()
      this.moved += n
      this.#writtenLast = (this.memory.floats[WRITTEN] as number) + this.moved
      if (this.moved === this.length) return this.finish()
      wake(words, READER_EVENT) // tells the reader of the empty buffer: there are bytes
      this.#wanted = Math.min(this.length - this.moved, Math.max(1, capacity >> 1))
    }
  }

  commit(n: number): void {
    this.#committed = n
    this.phase = ENTERED
  }

  /** May leave at any time. A long write first stores what there is room for after all. */
  cancel(): boolean {
    if (this.phase === MOVING && this.length > WHOLE_BYTES && !this.lending && this.intact) {
      this.#wanted = 1
      if (this.move() === FINISHED) return false
    }
    this.leave()
    return true
  }

  cut(): boolean {
    return false
  }

  /** Where there is no room, only a reader makes some, whoever has the lock. */
  protected queuedNeedsPeer(): boolean {
    const { words } = this
    const held = bytesHeld(Atomics.load(words, DRAINED), Atomics.load(words, STORED))
    return this.memory.capacity - held < this.#firstRoom()
  }

  progress(): number {
    return this.moved
  }

  protected override announce(): number {
    if (this.phase !== MOVING) return 0
    Atomics.store(this.words, WANTED_ROOM, this.#wanted)
    return this.#wanted
  }

  /**
   * Stores a byte into each cache line that begins in the next piece of the ring, as far as there is room: if the reader's core has had them last, it gives all of
   * them up in the time of one.
   */
  #claim(start: number, room: number): void {
    const { window } = this.memory
    const end = Math.min((start + CLAIMED_BYTES) & -CLAIMED_BYTES, start + room)
    for (let at = (start + LINE_BYTES - 1) & -LINE_BYTES; at < end; at += LINE_BYTES) window[at] = 0
  }

  /** The room that it needs to begin with: all, if it goes in whole. */
  #firstRoom(): number {
    const whole = this.lending || this.length <= WHOLE_BYTES
    return whole ? Math.min(this.length, this.memory.capacity) : 1
  }

  /** Room that there is at least in the buffer, as far as that is known without a look at the reader's word. */
  #roomKnown(stored: number): number {
    if (this.memory.floats[WRITTEN] !== this.#writtenLast) return 0
    return this.memory.capacity - bytesHeld(this.#drainedLast, stored)
  }

  /** Room in the buffer, in bytes. */
  #room(drained: number, stored: number): number {
    const { capacity } = this.memory
    const held = bytesHeld(drained, stored)
    if (held > capacity) throw this.corrupt('the count of bytes in the buffer', held)
    this.#drainedLast = drained
    return capacity - held
  }

  #publishCommitted(): boolean {
    const n = this.#committed
    this.length = n
    const stored = this.words[STORED] as number
    if ((stored & SEALED) !== 0) return this.end()
    if (n === 0) {
      // A write of nothing, which counts as one in a rendezvous pipe only.
      this.leave()
      return FINISHED
    }
    if (!this.#publish(stored, n)) return this.end()
    this.moved = n
    this.#writtenLast = (this.memory.floats[WRITTEN] as number) + n
    this.lent = NOTHING
    return this.finishAtOnce()
  }

  /** @returns whether the bytes are stored: not if an end has come */
  #publish(stored: number, n: number): boolean {
    const { words } = this
    const { mask } = this.memory
    const count = storedCount(stored)
    const pastEnd = (count & mask) + n - (mask + 1)
    if (pastEnd >= 0) Atomics.store(words, pastEndWord(countMore(count, n), mask), this.lending ? pastEnd : 0)
    return Atomics.compareExchange(words, STORED, stored, storedMore(stored, n)) === stored // edge: filled
  }

  protected override tellPeer(): void {
    wake(this.words, READER_EVENT) // tells the reader of the empty buffer: there are bytes, all of this write
  }
}
