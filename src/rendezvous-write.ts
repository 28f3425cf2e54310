import { platform } from '#platform'
import { isDead } from './holders.ts'
import {
  alignToLine,
  CUT,
  CUT_AT,
  DRAINED,
  ENDED,
  FILLED,
  FREE,
  HANDOFF,
  IDLE,
  inState,
  LEFT,
  LENT,
  LENT_TO,
  OFFERED,
  ONE_OFFER,
  PARTLY_TAKEN,
  READ_LOCK,
  READER_EVENT,
  SHORT_BYTES,
  STARTED,
  STATE,
  TAKING,
  threadOf,
  WRITER_EVENT,
} from './layout.ts'
import { ownerOf } from './lock.ts'
import { ENDING, ENTERED, type FINISHED, MOVING, NOTHING } from './operation.ts'
import { lookInTime, wake } from './waiting.ts'
import { WriteOperation } from './write-operation.ts'

/** The writer publishes what it copies in pieces of this many bytes, so that the reader's copy overlaps its own. */
export const CHUNK_BYTES = 32 * 1024
/**
 * A write of this many bytes or more, or of a quarter of the ring, starts where the one before it has ended: so it takes less time than in lines that both sides
 * have in their nearest caches. With shorter ones it is the other way round, by a tenth: they start at the beginning.
 */
const ROTATING_BYTES = 16 * 1024
/** How long a copy that has claimed the bytes may keep the writer after the end of the pipe, in ms. */
const CLAIM_MS = 250
/** The same for a callback that may yet consume fewer: leaving it means that they may be counted on one side only. */
const CALLBACK_MS = 10_000

/**
 * A write: holds the write lock, offers its bytes in the slot, and fills the window while readers drain it, until they have all.
 * The first piece is in the window before the offer, so that a small write is one hand-over.
 */
export class RendezvousWrite extends WriteOperation {
  /** In place: the window holds the bytes of the caller. */
  #committed = false
  /** The count of bytes at which this write starts, and so its place in the window. */
  #started = 0
  /** Bytes put into the window. */
  #filled = 0
  #lentEndedAtMs = 0
  /** Bytes seen taken out of it. */
  #drained = 0

  protected meet(): boolean {
    const { words } = this
    // Under the lock it is as the last writer has left it, or ended since, or given back after a cut: then the compareExchange fails.
    let handoff = words[HANDOFF] as number
    // What it may sleep on is looked at in order.
    if ((handoff & STATE) === CUT) handoff = Atomics.load(words, HANDOFF)
    if ((handoff & ENDED) !== 0) return this.end()
    // A writer before us cut its match short; its reader has yet to notice.
    if ((handoff & STATE) === CUT) return this.block(HANDOFF, handoff, WRITER_EVENT)
    if ((handoff & STATE) !== IDLE) throw this.corrupt('the handoff word of a writer about to offer', handoff)
    if (this.#committed) return this.#offerFilled(handoff)
    if (!this.intact) throw this.detached()
    this.#started = this.#startCount()
    this.#filled = 0
    this.#drained = 0
    if (this.lending) return this.lend(this.#started & this.memory.mask, this.length)
    this.#fill()
    return this.#offerFilled(handoff)
  }

  /** A write of one piece that is soon taken, in one go; any other as the steps have it. */
  override start(source: Uint8Array): boolean {
    this.begin(source)
    if (!this.enterAtOnce()) return this.step()
    const { words, memory } = this
    const handoff = words[HANDOFF] as number
    const n = this.length
    if (n > CHUNK_BYTES || n > memory.mask >> 2 || (handoff & (STATE | ENDED)) !== IDLE) return this.meet()
    const started = this.#startCount()
    this.#started = started
    this.#drained = 0
    this.#filled = n
    platform.copy(memory.window, started, source, 0, n, true)
    const offered = this.#offer(handoff)
    if (offered === handoff) return this.end()
    const answer = lookInTime(words, OFFERED, this) // edge: taken
    if ((answer & STATE) !== IDLE) return this.move()
    this.moved = n
    this.bytes = NOTHING
    return this.finishAtOnce()
  }

  /** Offers what has been filled, and goes on. */
  #offerFilled(handoff: number): boolean {
    const offered = this.#offer(handoff)
    if (offered === handoff) return this.end()
    // No look at the word yet: that would only take its cache line from the reader.
    return this.#filled === this.length ? this.block(HANDOFF, offered, WRITER_EVENT) : this.move()
  }

  /** IDLE → OFFERED. @returns the word; the one from before if an end has come */
  #offer(handoff: number): number {
    const { words } = this
    const { floats, mask, short, window } = this.memory
    if (this.length <= SHORT_BYTES) platform.copy(short, 0, window, this.#started & mask, this.length)
    words[STARTED] = this.#started
    words[DRAINED] = this.#started
    words[FILLED] = (this.#started + this.#filled) | 0
    words[PARTLY_TAKEN] = 0
    floats[LEFT] = this.length
    const offered = (inState(handoff, OFFERED) + ONE_OFFER) | 0
    // edge: offered
    if (Atomics.compareExchange(words, HANDOFF, handoff, offered) !== handoff) return handoff
    this.phase = MOVING
    wake(words, READER_EVENT) // tells the waiting reader: an offer is there
    return offered
  }

  #finishWhole(handoff: number): typeof FINISHED {
    if (this.#filled !== this.length) throw this.corrupt('an idle handoff word amid a write', handoff)
    this.moved = this.#filled
    return this.finish()
  }

  /** Whoever waits for the lock will need a reader, too. */
  protected queuedNeedsPeer(): boolean {
    return true
  }

  commit(n: number): void {
    this.lending = false
    this.#lentEndedAtMs = 0
    this.length = n
    this.#filled = n
    this.#committed = true
    this.phase = ENTERED
  }

  protected move(): boolean {
    const { words } = this
    for (;;) {
      const handoff = Atomics.load(words, HANDOFF) // edge: taken
      switch (handoff & (STATE | ENDED)) {
        case IDLE:
        case IDLE | ENDED:
          return this.#finishWhole(handoff)
        case OFFERED | ENDED:
          this.#withdraw()
          return this.end()
        case OFFERED:
        case TAKING:
        case TAKING | ENDED:
        case LENT:
          break
        case LENT | ENDED:
          return this.#leaveEnded(handoff)
        default:
          throw this.corrupt('the handoff word of an offering writer', handoff)
      }
      if (this.#filled === this.length) return this.block(HANDOFF, handoff, WRITER_EVENT)
      if (!this.intact) {
        if (this.#withdraw() || this.cut(false)) throw this.detached()
        return this.block(HANDOFF, handoff, WRITER_EVENT)
      }
      const drained = Atomics.load(words, DRAINED) // edge: drained
      this.#drained = this.#drainedBefore(drained)
      if (this.#drained > this.#filled) throw this.corrupt('the drained count', drained)
      if (!this.#fill()) {
        const offered = (handoff & STATE) === OFFERED
        return offered ? this.block(HANDOFF, handoff, WRITER_EVENT) : this.block(DRAINED, drained, WRITER_EVENT)
      }
      Atomics.store(words, FILLED, (this.#started + this.#filled) | 0) // edge: filled
      wake(words, READER_EVENT) // tells the taking reader: there is more
    }
  }

  cancel(): boolean {
    if (this.phase === MOVING && !this.#withdraw()) return false
    this.leave()
    return true
  }

  override begin(source: Uint8Array): void {
    super.begin(source)
    this.#committed = false
    this.#lentEndedAtMs = 0
  }

  cut(force: boolean): boolean {
    if (this.phase !== MOVING) return false
    switch (this.#leaveMatch(force)) {
      case 'whole':
        this.finish()
        return false
      case 'partly':
        this.leave()
        return true
      case 'stays':
        return false
    }
  }

  /** Leaves the reader what it has taken so far, or claims: its read ends with that, and so does this write. */
  #leaveMatch(force: boolean): 'stays' | 'partly' | 'whole' {
    const { words } = this
    const handoff = Atomics.load(words, HANDOFF)
    const drained = Atomics.load(words, DRAINED)
    const state = handoff & STATE
    // A call that was stopped in the middle has not seen that yet.
    if (state === IDLE && this.#filled === this.length) {
      this.moved = this.#filled
      return 'whole'
    }
    const reader = ownerOf(words, READ_LOCK)
    if (state === LENT && reader === FREE && Atomics.load(words, HANDOFF) === handoff) {
      throw this.corrupt('the handoff word, though nobody reads,', handoff)
    }
    // What a living reader has claimed counts as taken; a dead one takes nothing any more.
    const claimed = state === LENT && !isDead(this.memory, 'reader', threadOf(reader))
    const until = claimed ? (words[LENT_TO] as number) : drained // edge: lent
    if (state !== TAKING && !(state === LENT && (force || until !== drained))) return 'stays'
    words[CUT_AT] = until
    const moved = this.#movedBefore(until)
    // edge: cut. The number of the match tells that what was read above belongs to this one.
    if (Atomics.compareExchange(words, HANDOFF, handoff, inState(handoff, CUT)) !== handoff) return 'stays'
    this.moved = moved
    this.phase = ENDING
    wake(words, READER_EVENT) // tells the taking reader: no more will come
    return this.moved === this.length ? 'whole' : 'partly'
  }

  /** The pipe has ended while the reader's caller has bytes: in time the match completes; in the end the caller is left to itself. */
  #leaveEnded(handoff: number): boolean {
    const nowMs = performance.now()
    if (this.#lentEndedAtMs === 0) this.#lentEndedAtMs = nowMs
    const claimed = (this.words[LENT_TO] as number) !== Atomics.load(this.words, DRAINED)
    const leftMs = this.#lentEndedAtMs + (claimed ? CLAIM_MS : CALLBACK_MS) - nowMs
    if (leftMs > 0) return this.block(HANDOFF, handoff, WRITER_EVENT, leftMs)
    switch (this.#leaveMatch(true)) {
      case 'whole':
        return this.finish()
      case 'partly':
        return this.end()
      case 'stays':
        return this.block(HANDOFF, handoff, WRITER_EVENT)
    }
  }

  progress(): number {
    return this.#filled + this.#drained
  }

  override answerExpected(): boolean {
    return this.phase === MOVING && ownerOf(this.words, READ_LOCK) !== FREE && !this.peerAwaitsHere()
  }

  /** OFFERED → IDLE: takes the offer back, unless it is being taken. Notes in the same breath how much of it was. */
  #withdraw(): boolean {
    const { words } = this
    // Fails at most twice in a row: when a match has come and gone, and when an end has come.
    for (let tries = 0; tries < 3; tries += 1) {
      const handoff = Atomics.load(words, HANDOFF)
      if ((handoff & STATE) !== OFFERED) return false
      const moved = this.#movedBefore(Atomics.load(words, DRAINED))
      if (Atomics.compareExchange(words, HANDOFF, handoff, inState(handoff, IDLE)) !== handoff) continue
      this.moved = moved
      this.phase = ENDING
      return true
    }
    return false
  }

  /** Copies the next piece into the window, as far as there is room. @returns whether it did */
  #fill(): boolean {
    const { mask } = this.memory
    const position = (this.#started + this.#filled) & mask
    const room = mask + 1 - (this.#filled - this.#drained)
    const n = Math.min(this.length - this.#filled, room, mask + 1 - position, CHUNK_BYTES)
    if (n === 0) return false
    this.copyIn(position, this.#filled, n)
    this.#filled += n
    return true
  }

  /** The count that this write begins at: at the start of a cache line, and with room for all of it before the end of the ring. */
  #startCount(): number {
    const ring = this.memory.mask + 1
    if (this.length < Math.min(ROTATING_BYTES, ring >> 2)) return 0
    const next = alignToLine((this.words[FILLED] as number) & this.memory.mask)
    return next + this.length <= ring ? next : 0
  }

  /** How much has been taken out of the window, by the reader's 32-bit count. */
  #drainedBefore(word: number): number {
    return this.#drained + ((word - this.#started - this.#drained) >>> 0)
  }

  /** What to count of a write that leaves: never more than it has put in, whatever the word says. */
  #movedBefore(word: number): number {
    return Math.min(this.#drainedBefore(word), this.#filled)
  }
}
