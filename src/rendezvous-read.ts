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
  LENT,
  LENT_TO,
  OFFERED,
  ONE_OFFER,
  PARTLY_TAKEN,
  READER_EVENT,
  SHORT_BYTES,
  STARTED,
  STATE,
  TAKING,
  WRITER_EVENT,
} from './layout.ts'
import { ENTERED, LENDING, MOVING, NOTHING } from './operation.ts'
import { ReadOperation } from './read-operation.ts'
import { CHUNK_BYTES } from './rendezvous-write.ts'
import { lookInTime, wake } from './waiting.ts'

/** The most that is copied at once where nobody waits for room, in bytes: up to a ms, in which the writer sees no progress. */
const MAX_PIECE_BYTES = 1024 * 1024

/**
 * A read: holds the read lock, waits for an offer, and by moving the slot to TAKING it claims min(target, what is left of the write),
 * which then is its own whatever closes. It drains the window while the writer fills it, and gives the slot back.
 */
export class RendezvousRead extends ReadOperation {
  /** The HANDOFF word of the match. */
  #match = 0
  /** What was left of the write at the match. */
  #left = 0
  /** What this read has claimed of it. */
  #wanted = 0
  /** What its caller has lent and answers for, if the writer leaves. */
  #claimed = 0
  /** The shared count of bytes taken out of the window. */
  #drained = 0

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
    if (this.#takeWhole(handoff)) return this.finish()
    this.#match = (inState(handoff, TAKING) + ONE_OFFER) | 0
    // edge: offered; this is the match, unless the writer has just withdrawn, or an end has come
    const seen = Atomics.compareExchange(words, HANDOFF, handoff, this.#match)
    if (seen !== handoff) return this.block(HANDOFF, handoff, READER_EVENT)
    this.phase = MOVING
    this.#claimed = 0
    this.#left = memory.floats[LEFT] as number
    this.#drained = words[DRAINED] as number
    if (!Number.isSafeInteger(this.#left) || this.#left < 0) {
      const left = this.#left
      this.#left = 0
      this.#giveBack()
      throw this.corrupt('the count of bytes left', left)
    }
    this.prepareTarget(this.#left)
    this.#wanted = this.lending ? Math.min(1, this.#left) : Math.min(this.length, this.#left)
    if (this.#wouldDeadlock()) {
      this.#giveBack()
      throw this.failure(deadlocked(this.half))
    }
    return this.move()
  }

  /** A read that soon meets an offer, in one go; any other as the steps have it. */
  override start(target: Uint8Array): boolean {
    this.begin(target)
    if (!this.enterAtOnce()) return this.step()
    const { words } = this
    const handoff = lookInTime(words, IDLE, this)
    if ((handoff & (STATE | ENDED)) !== OFFERED || !this.#takeWhole(handoff)) return this.meet()
    this.bytes = NOTHING
    return this.finishAtOnce()
  }

  /**
   * OFFERED → IDLE in one step, if the write was whole in the window when it was offered, and goes into the target: the bytes are copied first, and
   * nothing has happened unless the offer is still the same after that. An offer's number comes but once.
   *
   * @returns whether it took the write
   */
  #takeWhole(handoff: number): boolean {
    const { words } = this
    const { mask } = this.memory
    const position = (words[STARTED] as number) & mask
    const n = ((words[FILLED] as number) - (words[STARTED] as number)) | 0
    if (this.makesTarget || n < 0 || n > this.length || n > Math.min(CHUNK_BYTES, mask + 1 - position)) return false
    if (this.memory.floats[LEFT] !== n || words[PARTLY_TAKEN] !== 0) return false
    if (n <= SHORT_BYTES) this.copyShort(n)
    else this.copyOut(position, n)
    // edges: offered, taken
    if (Atomics.compareExchange(words, HANDOFF, handoff, inState(handoff, IDLE)) !== handoff) return false
    this.moved = n
    wake(words, WRITER_EVENT) // tells the offering writer: all of it is taken
    return true
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
      if (this.lending) return this.#lend(filled)
      this.#drain(filled)
      if (this.moved < this.#wanted) {
        Atomics.store(words, DRAINED, this.#drained) // edge: drained
        wake(words, WRITER_EVENT) // tells the offering writer: there is room
      }
    }
    this.#giveBack()
    if (this.moved === 0 && this.#wanted > 0) {
      // The writer left before the first byte: there was no match after all.
      return this.meet()
    }
    return this.finish()
  }

  settle(n: number): void {
    this.moved = n
    this.#drained = (this.#drained + n) | 0
    this.#giveBack()
    this.finish()
  }

  cancel(): boolean {
    if (this.phase === MOVING) return false
    if (this.phase === LENDING) this.#giveBack()
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

  /** In a match it has been looked at before: the writer was another thread's. */
  protected needsPeer(): boolean {
    return this.phase === ENTERED
  }

  /** With nothing on offer, or nothing left in the window of a match, whoever reads next needs the writer too. */
  protected queuedNeedsPeer(): boolean {
    const { words } = this
    switch (Atomics.load(words, HANDOFF) & STATE) {
      case IDLE:
        return true
      case TAKING:
        return Atomics.load(words, FILLED) === Atomics.load(words, DRAINED)
      default:
        return false
    }
  }

  /** TAKING → IDLE if the write is complete, OFFERED if not: the match is over, and noted to be in the same breath. */
  #giveBack(): void {
    const { words } = this
    const left = this.#left - this.moved
    if (left > 0) {
      this.memory.floats[LEFT] = left
      words[PARTLY_TAKEN] = 1
      Atomics.store(words, DRAINED, this.#drained)
    }
    const next = left > 0 ? OFFERED : IDLE
    // edge: taken
    const seen = Atomics.compareExchange(words, HANDOFF, this.#match, inState(this.#match, next))
    if (seen === this.#match) this.phase = ENTERED
    else this.#giveBackChanged(seen, next)
    wake(words, WRITER_EVENT) // tells the offering writer: taken
  }

  /** The same when ENDED or CUT has come during the match, each at most once. */
  #giveBackChanged(handoff: number, next: number): void {
    const { words } = this
    let seen = handoff
    for (let tries = 0; tries < 3; tries += 1) {
      const cut = (seen & STATE) === CUT
      // What was copied after the cut does not count: the writer has not counted it either.
      const moved = cut ? this.#movedBefore(words[CUT_AT] as number) : this.moved
      const now = Atomics.compareExchange(words, HANDOFF, seen, inState(seen, cut ? IDLE : next))
      if (now === seen) {
        this.moved = moved
        this.phase = ENTERED
        return
      }
      seen = now
    }
  }

  /** Never more than it has taken, or claimed, whatever the word says. */
  #movedBefore(cutAt: number): number {
    const counted = this.moved - ((this.#drained - cutAt) | 0)
    return Math.min(Math.max(0, counted), Math.max(this.moved, this.#claimed))
  }

  /** Copies the next piece out of the window: a short one, if that makes room for the writer. */
  #drain(filled: number): void {
    const { mask } = this.memory
    const position = this.#drained & mask
    const available = this.#available(filled)
    const isLast = available >= this.#left - this.moved
    const most = isLast ? MAX_PIECE_BYTES : CHUNK_BYTES
    const n = Math.min(available, this.#wanted - this.moved, mask + 1 - position, most)
    this.copyOut(position, n)
    this.moved += n
    this.#drained = (this.#drained + n) | 0
  }

  /** Lends what lies in the window in one piece. */
  #lend(filled: number): boolean {
    const { words } = this
    const { mask } = this.memory
    const position = this.#drained & mask
    const n = Math.min(this.#available(filled), this.#left, mask + 1 - position)
    this.#claimed = this.claiming ? n : 0
    words[LENT_TO] = this.claiming ? (this.#drained + n) | 0 : this.#drained
    const lent = inState(this.#match, LENT)
    const seen = Atomics.compareExchange(words, HANDOFF, this.#match, lent) // edge: lent
    if (seen === this.#match) {
      this.#match = lent
      // tells the writer after an end: what you wait for is a callback
      if ((lent & ENDED) !== 0) wake(words, WRITER_EVENT)
    } else if ((seen & STATE) === CUT) {
      // The writer left before the first byte: there was no match after all.
      this.#giveBack()
      return this.meet()
    } else {
      // An end has come, once: the match goes on.
      this.#match = seen
      return this.#lend(filled)
    }
    return this.lend(position, n)
  }

  #available(filled: number): number {
    const available = (filled - this.#drained) >>> 0
    if (available <= this.memory.mask + 1) return available
    this.#giveBack()
    throw this.corrupt('the filled count', filled)
  }

  /** Whether a blocking read would need more than the window holds from a write that its own thread awaits. */
  #wouldDeadlock(): boolean {
    if (this.awaited || this.#wanted === 0) return false
    const available = (Atomics.load(this.words, FILLED) - this.#drained) >>> 0
    return available < this.#wanted && this.peerAwaitsHere()
  }
}
