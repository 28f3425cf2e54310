import { platform } from '#platform'
import { deadlocked } from './errors.ts'
import {
  CUT,
  CUT_AT,
  DRAINED,
  ENDED,
  FILLED,
  HANDOFF,
  IDLE,
  inState,
  LEFT,
  OFFERED,
  ONE_MATCH,
  PARKED_OFFSET,
  READ_LOCK,
  READER_EVENT,
  STATE,
  TAKING,
  WRITE_LOCK,
  WRITER_EVENT,
} from './layout.ts'
import { POLL_MS, type Turn } from './lock.ts'
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
  /** The HANDOFF word of the match. */
  #match = 0
  /** What was left of the write at the match. */
  #left = 0
  /** What this read has claimed of it. */
  #wanted = 0
  /** The shared count of bytes taken out of the window. */
  #drained = 0
  /** What `#slotIsStuck` saw, and since when. */
  #stuckAt = 0
  #stuckFilled = 0
  #stuckSinceMs = 0
  /** The last view of the window that was copied from: sizes repeat, and a view is expensive. */
  #view = NOTHING

  constructor(memory: PipeMemory, owner: number, turn: Turn) {
    super(memory, 'reader', owner, turn)
  }

  override begin(target: Uint8Array): void {
    super.begin(target)
    this.#stuckAt = 0
    this.#makeTarget = undefined
  }

  /** Begins a read whose target is made at the match. */
  beginWith(makeTarget: MakeTarget): void {
    super.begin(NOTHING)
    this.#makeTarget = makeTarget
  }

  protected meet(): boolean {
    const { words, memory } = this
    const handoff = Atomics.load(words, HANDOFF)
    if ((handoff & ENDED) !== 0) return this.end()
    switch (handoff & STATE) {
      case OFFERED:
        break
      case IDLE:
      case CUT:
        return this.block(HANDOFF, handoff, READER_EVENT)
      default:
        throw this.corrupt('the handoff word of a reader waiting for an offer', handoff)
    }
    if (this.bytes.length !== this.length) throw this.detached()
    this.#match = (inState(handoff, TAKING) + ONE_MATCH) | 0
    // edge: offered; this is the match, unless the writer has just withdrawn, or an end has come
    const seen = Atomics.compareExchange(words, HANDOFF, handoff, this.#match)
    if (seen !== handoff) return this.block(HANDOFF, handoff, READER_EVENT)
    this.phase = MOVING
    this.#left = memory.floats[LEFT] as number
    this.#drained = words[DRAINED] as number
    if (!Number.isSafeInteger(this.#left) || this.#left < 0) {
      const left = this.#left
      this.#left = 0
      this.#giveBack()
      throw this.corrupt('the count of bytes left', left)
    }
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
      const filled = Atomics.load(words, FILLED) // edge: filled
      if (filled === this.#drained) {
        if ((Atomics.load(words, HANDOFF) & STATE) === CUT) break // edge: cut
        return this.block(FILLED, filled, READER_EVENT)
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
    if (this.moved === 0 && this.#wanted > 0) {
      // The writer left before the first byte: there was no match after all.
      this.phase = ENTERED
      return this.meet()
    }
    return this.finish()
  }

  cancel(): boolean {
    if (this.phase === MOVING) return false
    this.leave()
    return true
  }

  /** Gives the rest of the match back to the writer, whose write goes on with it. */
  cut(): boolean {
    if (this.phase !== MOVING) return false
    this.#giveBack()
    this.leave()
    return true
  }

  progress(): number {
    return this.moved
  }

  deadlocked(): boolean {
    if (this.heldByOwnAwait(READ_LOCK)) return true
    if (!this.peerAwaitsHere()) return false
    return this.phase === ENTERED || (this.queued && this.#slotIsStuck())
  }

  /**
   * Whether another reader is asleep in the middle of a match, with the window empty, as it was a poll of the lock ago. Seen once, it
   * might be just about to go on; asleep for so long, it waits for the writer.
   */
  #slotIsStuck(): boolean {
    const { words } = this
    const handoff = Atomics.load(words, HANDOFF)
    const filled = Atomics.load(words, FILLED)
    const starving = Atomics.load(words, DRAINED) === filled && Atomics.load(words, READER_EVENT + PARKED_OFFSET) !== 0
    if ((handoff & STATE) !== TAKING || !starving) return false
    const nowMs = performance.now()
    if (this.#stuckAt !== handoff || this.#stuckFilled !== filled) {
      this.#stuckAt = handoff
      this.#stuckFilled = filled
      this.#stuckSinceMs = nowMs
    }
    return nowMs - this.#stuckSinceMs >= POLL_MS / 2
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
    // edge: taken
    const seen = Atomics.compareExchange(words, HANDOFF, this.#match, inState(this.#match, next))
    if (seen !== this.#match) this.#giveBackChanged(seen, next)
    wake(words, WRITER_EVENT) // tells the offering writer: taken
  }

  /** The same when ENDED or CUT has come during the match, each at most once. */
  #giveBackChanged(handoff: number, next: number): void {
    const { words } = this
    let seen = handoff
    for (let tries = 0; tries < 3; tries += 1) {
      const cut = (seen & STATE) === CUT
      const now = Atomics.compareExchange(words, HANDOFF, seen, inState(seen, cut ? IDLE : next))
      if (now === seen) {
        // What was copied after the cut does not count: the writer has not counted it either.
        if (cut) this.moved = Math.max(0, this.moved - ((this.#drained - (words[CUT_AT] as number)) >>> 0))
        return
      }
      seen = now
    }
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
