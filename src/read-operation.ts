import { platform } from '#platform'
import { WRITE_LOCK } from './layout.ts'
import type { Turn } from './lock.ts'
import type { PipeMemory } from './memory.ts'
import { NOTHING, Operation } from './operation.ts'
import { Views } from './views.ts'

/** Makes the target of a read once it is known how many bytes there are to take: the read of an iterator. */
export type MakeTarget = (offered: number) => Uint8Array

/** A read of either kind of pipe: where it puts its bytes. */
export abstract class ReadOperation extends Operation {
  /** A read in place: its caller looks at `lent`, and settles. */
  protected lending = false
  /** In place: the caller answers for all that is lent, also for what it does not consume after the writer has left. */
  protected claiming = false
  #makeTarget: MakeTarget | undefined
  readonly #views: Views

  constructor(memory: PipeMemory, owner: number, turn: Turn) {
    super(memory, 'reader', owner, turn)
    this.#views = new Views(memory)
  }

  override begin(target: Uint8Array): void {
    super.begin(target)
    this.#makeTarget = undefined
    this.lending = false
    this.claiming = false
  }

  /** Begins a read whose target is made at the match. */
  beginWith(makeTarget: MakeTarget): void {
    this.begin(NOTHING)
    this.#makeTarget = makeTarget
  }

  /** Begins a read in place: FINISHED means that `lent` holds bytes, unless it is empty or the pipe has ended; `settle` goes on. */
  beginLending(claiming = false): void {
    this.begin(NOTHING)
    this.lending = true
    this.claiming = claiming
  }

  /** Ends a read in place, of which `n` bytes were consumed. */
  abstract settle(n: number): void

  peerAwaitsHere(): boolean {
    return this.heldHere(WRITE_LOCK)
  }

  /** Whether the target is still to be made. */
  protected get makesTarget(): boolean {
    return this.#makeTarget !== undefined
  }

  /** Makes the target where it is still to be made. May throw for lack of memory. */
  protected prepareTarget(offered: number): void {
    if (this.#makeTarget === undefined) return
    this.bytes = this.#makeTarget(offered)
    this.length = this.bytes.length
  }

  /** Copies `n` bytes from a position of the ring, where they lie in one piece, behind those that have moved. */
  protected copyOut(position: number, n: number): void {
    const view = this.#views.of(position, n)
    if (view !== undefined) platform.copy(this.bytes, this.moved, view, 0, n)
    else platform.copy(this.bytes, this.moved, this.memory.window, position, n)
  }

  /** Copies a write of `n` bytes from where short ones stand. */
  protected copyShort(n: number): void {
    platform.copy(this.bytes, 0, this.memory.short, 0, n)
  }
}
