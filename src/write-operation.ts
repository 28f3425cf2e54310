import { platform } from '#platform'
import { READ_LOCK } from './layout.ts'
import type { Turn } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { NOTHING, Operation } from './operation.ts'

const NO_PIECES: readonly Uint8Array[] = []

/** A write of either kind of pipe: what it takes its bytes from. */
export abstract class WriteOperation extends Operation {
  /** The pieces of a `writev`; the one piece of a write is `bytes`. */
  #pieces = NO_PIECES
  #piece = 0
  #pieceStart = 0
  /** A write in place: its caller fills `lent`, and commits. */
  protected lending = false

  constructor(memory: PipeMemory, owner: number, turn: Turn) {
    super(memory, 'writer', owner, turn)
  }

  override begin(source: Uint8Array): void {
    super.begin(source)
    this.#pieces = NO_PIECES
    this.lending = false
  }

  /** Begins one write of many pieces. */
  beginPieces(pieces: readonly Uint8Array[]): void {
    this.begin(pieces.length > 0 ? (pieces[0] as Uint8Array) : NOTHING)
    this.#pieces = pieces
    this.#piece = 0
    this.#pieceStart = 0
    this.length = pieces.reduce((sum, { length }) => sum + length, 0)
  }

  /** Begins a write in place: FINISHED means that `lent` can be filled; `commit` goes on. */
  beginLending(size: number): void {
    this.begin(NOTHING)
    this.lending = true
    this.length = size
  }

  /** Begins a write in place, and goes as far as it can without waiting. @returns FINISHED or BLOCKED @throws what the caller shall see */
  startLending(size: number): boolean {
    this.beginLending(size)
    return this.step()
  }

  /** Goes on with the first `n` of the bytes that were lent; step it to its end. */
  abstract commit(n: number): void

  protected needsPeer(): boolean {
    return true
  }

  peerAwaitsHere(): boolean {
    return this.heldHere(READ_LOCK)
  }

  /** Whether the source is still as long as it was when the write began. */
  protected get intact(): boolean {
    if (this.#pieces === NO_PIECES) return this.bytes.length === this.length || this.lending
    return this.#pieces.reduce((sum, { length }) => sum + length, 0) === this.length
  }

  /** Copies `n` bytes, from `offset` of the source on, to a position of the ring where there is room in one piece. */
  protected copyIn(position: number, offset: number, n: number): void {
    const { window } = this.memory
    if (this.#pieces === NO_PIECES) {
      platform.copy(window, position, this.bytes, offset, n, true)
      return
    }
    for (let copied = 0; copied < n; ) {
      const piece = this.#pieces[this.#piece] as Uint8Array
      const start = offset + copied - this.#pieceStart
      const count = Math.min(n - copied, piece.length - start)
      platform.copy(window, position + copied, piece, start, count, true)
      copied += count
      if (start + count === piece.length) {
        this.#piece += 1
        this.#pieceStart += piece.length
      }
    }
  }

  protected override forget(): void {
    super.forget()
    this.#pieces = NO_PIECES
  }
}
