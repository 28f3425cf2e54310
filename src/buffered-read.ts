import { isAborted, isClosed } from './ending.ts'
import {
  bytesHeld,
  countMore,
  DRAINED,
  PARKED_OFFSET,
  pastEndWord,
  READER_EVENT,
  SEALED,
  STORED,
  WANTED_ROOM,
  WRITE_LOCK,
  WRITER_EVENT,
} from './layout.ts'
import { type Turn, watch } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { ENDING, FINISHED, LENDING, MOVING } from './operation.ts'
import { ReadOperation } from './read-operation.ts'
import { Rests } from './rests.ts'
import { wakeAll } from './waiting.ts'

/** A read from a buffered pipe: takes what is stored, up to its target, of as many writes as that is; waits only while nothing is. */
export class BufferedRead extends ReadOperation {
  /** The count of bytes taken so far, by this and all reads before. */
  #drained = 0
  /** The bytes that this read has found in the buffer. */
  #found = 0
  /** An awaited read is in no such hurry. */
  readonly #rests: Rests | undefined

  constructor(memory: PipeMemory, owner: number, turn: Turn) {
    super(memory, owner, turn)
    this.#rests = this.awaited ? undefined : new Rests(memory.capacity)
  }

  override begin(target: Uint8Array): void {
    super.begin(target)
    this.#rests?.rest()
  }

  /** A read into nothing waits for nothing (C23). */
  override step(): boolean {
    if (this.length > 0 || this.lending || this.makesTarget || !this.queued) return super.step()
    const stored = Atomics.load(this.words, STORED)
    if ((stored & SEALED) !== 0 && !this.#drains(stored, Atomics.load(this.words, DRAINED))) return this.end()
    this.leave()
    return FINISHED
  }

  protected meet(): boolean {
    this.phase = MOVING
    return this.move()
  }

  protected move(): boolean {
    const { words } = this
    const { mask } = this.memory
    const stored = Atomics.load(words, STORED) // edge: filled
    this.#drained = words[DRAINED] as number
    if ((stored & SEALED) !== 0 && !this.#drains(stored, this.#drained)) return this.end()
    const held = this.#held(stored)
    if (held === 0) return this.block(STORED, stored, READER_EVENT)
    if (this.bytes.length !== this.length) throw this.detached()
    this.prepareTarget(held)
    this.#found = held
    const wanted = this.lending ? 0 : Math.min(this.length, held)
    do {
      const offset = this.#drained & mask
      const pastEnd = this.#pastEnd(this.#drained)
      const isPastEnd = offset < pastEnd
      const position = isPastEnd ? mask + 1 + offset : offset
      const left = held - this.moved
      const ready = Math.min(isPastEnd ? pastEnd - offset : this.#untilLapEnds(offset, left), left)
      if (this.lending) return this.lend(position, ready)
      const n = Math.min(ready, wanted - this.moved)
      this.copyOut(position, n)
      this.moved += n
      this.#drained = countMore(this.#drained, n)
    } while (this.moved < wanted)
    this.#publish()
    return this.finish()
  }

  settle(n: number): void {
    this.moved = n
    this.#drained = countMore(this.#drained, n)
    this.#publish()
    this.finish()
  }

  /** May leave at any time. What it has not given the room of back, it has not taken. */
  cancel(): boolean {
    if (this.phase === MOVING || this.phase === LENDING) this.moved = 0
    this.leave()
    return true
  }

  cut(): boolean {
    return false
  }

  progress(): number {
    return this.moved
  }

  protected needsPeer(): boolean {
    return true
  }

  /** Where nothing is stored, only a writer stores more, whoever has the lock. */
  protected queuedNeedsPeer(): boolean {
    return bytesHeld(Atomics.load(this.words, DRAINED), Atomics.load(this.words, STORED)) === 0
  }

  /** Not before what is stored has been read, by this operation or by those before it. */
  protected override endsQueued(): boolean {
    const stored = Atomics.load(this.words, STORED)
    return (stored & SEALED) !== 0 && !this.#drains(stored, Atomics.load(this.words, DRAINED))
  }

  #held(stored: number): number {
    const held = bytesHeld(this.#drained, stored)
    if (held > this.memory.capacity) throw this.corrupt('the count of bytes in the buffer', held)
    return held
  }

  /** Bytes in one piece from the reader's offset in the ring to its end; and on past that, if that is where the next lap begins, and there are so many. */
  #untilLapEnds(offset: number, held: number): number {
    const beforeEnd = this.memory.mask + 1 - offset
    return beforeEnd < held ? beforeEnd + this.#pastEnd(countMore(this.#drained, beforeEnd)) : beforeEnd
  }

  /** How many of the first bytes of a count's lap lie past the end of the ring. */
  #pastEnd(count: number): number {
    const pastEnd = this.words[pastEndWord(count, this.memory.mask)] as number
    if (pastEnd < 0 || pastEnd > this.memory.capacity) {
      this.moved = 0 // what it has not given the room of back, it has not taken
      throw this.corrupt('the count of bytes past the end of the buffer', pastEnd)
    }
    return pastEnd
  }

  /** After an end: whether what a closed writer has stored is still to be read. */
  #drains(stored: number, drained: number): boolean {
    return bytesHeld(drained, stored) > 0 && !isAborted(this.memory) && !isClosed(this.memory, 'reader')
  }

  /** A writer that stores the last of its bytes looks only at its lock. */
  protected override askToBeTold(): void {
    if (this.phase === MOVING) watch(this.words, WRITE_LOCK)
  }

  /** Gives the room back, and wakes a writer if it is as much as that one waits for. */
  #publish(): void {
    const { words } = this
    this.#rests?.note(this.#found, this.moved === this.#found)
    Atomics.store(words, DRAINED, this.#drained) // edge: drained
    this.phase = ENDING
    if (Atomics.load(words, WRITER_EVENT + PARKED_OFFSET) === 0) return
    const room = this.memory.capacity - bytesHeld(this.#drained, Atomics.load(words, STORED))
    // tells the writer of the full buffer: there is room for you
    if (room >= Atomics.load(words, WANTED_ROOM)) wakeAll(words, WRITER_EVENT)
  }
}
