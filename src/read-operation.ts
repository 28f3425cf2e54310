import { platform } from '#platform'
import { deadlocked } from './errors.ts'
import {
  CUT,
  DRAINED,
  ENDED,
  FILLED,
  HANDOFF,
  IDLE,
  LEFT,
  OFFERED,
  READ_LOCK,
  READER_EVENT,
  TAKING,
  WRITE_LOCK,
  WRITER_EVENT,
} from './layout.ts'
import type { PipeMemory } from './memory.ts'
import { ENTERED, MOVING, Operation } from './operation.ts'
import { wake } from './waiting.ts'
import { CHUNK_BYTES } from './write-operation.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** Makes the target of a read once it is known how many bytes there are to take: the read of an iterator. */
export type MakeTarget = (offered: number) => Uint8Array

/**
 * A read: holds the read lock, waits for an offer, and by moving the slot to TAKING it claims min(target, what is left of the write),
 * which then is its own whatever closes. It drains the window while the writer fills it, and gives the slot back.
 */
export class ReadOperation extends Operation {
  #makeTarget: MakeTarget | undefined
  /** What was left of the write at the match. */
  #left = 0
  /** What this read has claimed of it. */
  #wanted = 0
  /** The shared count of bytes taken out of the window. */
  #drained = 0
  /** The last view of the window that was copied from: sizes repeat, and a view is expensive. */
  #view = NOTHING

  constructor(memory: PipeMemory, owner: number) {
    super(memory, 'reader', owner)
  }

  override begin(target: Uint8Array): void {
    super.begin(target)
    this.#makeTarget = undefined
  }

  /** Begins a read whose target is made at the match. */
  beginWith(makeTarget: MakeTarget): void {
    super.begin(NOTHING)
    this.#makeTarget = makeTarget
  }

  protected meet(): boolean {
    const { words, memory } = this
    for (;;) {
      const handoff = Atomics.load(words, HANDOFF)
      if ((handoff & ENDED) !== 0) return this.end()
      switch (handoff) {
        case OFFERED:
          break
        case IDLE:
        case CUT:
          return this.block(HANDOFF, handoff, READER_EVENT)
        default:
          throw this.corrupt('the handoff word of a reader waiting for an offer', handoff)
      }
      if (this.bytes.length !== this.length) throw this.detached()
      // edge: offered; this is the match
      if (Atomics.compareExchange(words, HANDOFF, OFFERED, TAKING) === OFFERED) break
    }
    this.phase = MOVING
    this.#left = memory.floats[LEFT] as number
    this.#drained = words[DRAINED] as number
    if (!Number.isSafeInteger(this.#left) || this.#left < 0) throw this.corrupt('the count of bytes left', this.#left)
    if (this.#makeTarget !== undefined) this.#prepareTarget(this.#makeTarget)
    this.#wanted = Math.min(this.length, this.#left)
    if (this.#wouldDeadlock()) {
      this.#giveBack()
      throw this.failure(deadlocked(this.half))
    }
    return this.move()
  }

  protected move(): boolean {
    const { words } = this
    while (this.moved < this.#wanted) {
      let filled = Atomics.load(words, FILLED) // edge: filled
      if (filled === this.#drained) {
        if ((Atomics.load(words, HANDOFF) & ~ENDED) !== CUT) return this.block(FILLED, filled, READER_EVENT)
        // What was filled before the cut is ours.
        filled = Atomics.load(words, FILLED)
        if (filled === this.#drained) break
      }
      if (this.bytes.length !== this.length) {
        this.#giveBack()
        throw this.detached()
      }
      this.#drain(filled)
      if (this.moved < this.#wanted) {
        Atomics.store(words, DRAINED, this.#drained) // edge: drained
        wake(words, WRITER_EVENT) // tells the offering writer: there is room
      }
    }
    this.#giveBack()
    return this.finish()
  }

  cancel(): boolean {
    if (this.phase === MOVING) return false
    this.leave()
    return true
  }

  /** Gives the rest of the match back to the writer, whose write goes on with it. */
  cut(): boolean {
    this.#giveBack()
    this.leave()
    return true
  }

  progress(): number {
    return this.moved
  }

  deadlocked(): boolean {
    return this.heldByOwnAwait(READ_LOCK) || (this.phase === ENTERED && this.peerAwaitsHere())
  }

  peerAwaitsHere(): boolean {
    return this.heldByOwnAwait(WRITE_LOCK)
  }

  /** TAKING → IDLE if the write is complete, OFFERED if not: the match is over. */
  #giveBack(): void {
    const { words } = this
    const left = this.#left - this.moved
    if (left > 0) {
      this.memory.floats[LEFT] = left
      Atomics.store(words, DRAINED, this.#drained)
    }
    const next = left > 0 ? OFFERED : IDLE
    let seen = Atomics.compareExchange(words, HANDOFF, TAKING, next) // edge: taken
    if (seen !== TAKING) {
      // ENDED or CUT came meanwhile, each at most once.
      for (let tries = 0; tries < 3; tries += 1) {
        const cut = (seen & ~ENDED) === CUT
        const now = Atomics.compareExchange(words, HANDOFF, seen, (cut ? IDLE : next) | (seen & ENDED))
        if (now === seen) break
        seen = now
      }
    }
    wake(words, WRITER_EVENT) // tells the offering writer: taken
  }

  /** Copies the next piece out of the window. */
  #drain(filled: number): void {
    const { window, mask } = this.memory
    const available = (filled - this.#drained) >>> 0
    if (available > mask + 1) {
      this.#giveBack()
      throw this.corrupt('the filled count', filled)
    }
    const position = this.#drained & mask
    const n = Math.min(available, this.#wanted - this.moved, mask + 1 - position, CHUNK_BYTES)
    if (n <= platform.loopBytes) {
      platform.copy(this.bytes, this.moved, window, position, n)
    } else {
      if (position !== this.#view.byteOffset - window.byteOffset || n !== this.#view.length) {
        this.#view = window.subarray(position, position + n)
      }
      platform.copy(this.bytes, this.moved, this.#view, 0, n)
    }
    this.#drained = (this.#drained + n) | 0
    this.moved += n
  }

  #prepareTarget(makeTarget: MakeTarget): void {
    try {
      this.bytes = makeTarget(this.#left)
    } catch (outOfMemory) {
      this.#giveBack()
      this.leave()
      throw outOfMemory
    }
    this.length = this.bytes.length
  }

  /** Whether a blocking read would need more than the window holds from a write that its own thread awaits. */
  #wouldDeadlock(): boolean {
    if (this.awaited || this.#wanted === 0) return false
    const available = (Atomics.load(this.words, FILLED) - this.#drained) >>> 0
    return available < this.#wanted && this.peerAwaitsHere()
  }
}
