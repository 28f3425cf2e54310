/** What the system knows a thread by. */
export interface SystemThread {
  /** Its number, which is used again after its end. */
  readonly id: number
  /** When it was started, in the system's own unit: tells it from others of that number. Never 0. */
  readonly start: number
}

/** What a runtime must lend the core. Two rooms implement it, `node`, for Deno and Bun too, and `generic`; package.json `imports` chooses. */
export interface Platform {
  /** A number of 1 to 2^28 that no other thread of the process has. */
  readonly thread: number

  /** What the system knows this thread by; undefined where other threads could not look it up. */
  readonly system: SystemThread | undefined

  /** Whether the system says that a thread of this process has ended; false where it cannot be known. `start` may be 0: not known. */
  hasExited(id: number, start: number): boolean

  /** Whether the process has such a thread; of one seen alive before, as far as its number tells: after its end a new one may get it. False where it cannot be known. */
  isThere(id: number, start: number): boolean

  /** How many threads can run at the same time here. */
  readonly parallelism: number

  /** Whether more threads want to run at this moment than there are cores for them; false where that cannot be known. */
  isCrowded(): boolean

  /** Shared memory of so many bytes, at the beginning of a cache line where the runtime can be brought to that. @throws RangeError where there is not so much */
  allocate(bytes: number): SharedArrayBuffer

  /** A view for `copy` over shared memory. */
  shared(memory: SharedArrayBuffer, offset: number, length: number): Uint8Array

  /** Whether a view is a Uint8Array as the runtime makes it: subclasses may run code of their own. */
  isPlain(view: ArrayBufferView): view is Uint8Array

  /**
   * Copies `length` bytes as fast as the runtime can; the ranges must be valid and must not overlap.
   *
   * @param aligned whether the target is known to begin at a multiple of 8 bytes: to ask it takes as long as some copies
   */
  copy(
    target: Uint8Array,
    targetStart: number,
    source: Uint8Array,
    sourceStart: number,
    length: number,
    aligned?: boolean,
  ): void

  /** Up to this many bytes `copy` makes no view of the source, wherever the range lies in it. */
  readonly viewlessBytes: number

  /** Keeps this thread's event loop alive until `releaseLoop` is given the same function, and calls it about every {@link BEAT_MS}. */
  holdLoop(beat: () => void): void
  releaseLoop(beat: () => void): void

  /** Calls back once the event loop has turned: timers and I/O had their chance. The loop is not kept alive, nor awake, for what is not `needed`. */
  afterTurn(callback: () => void, needed?: boolean): void
}

/** How often a thread that waits looks up, in ms: what it waits for may have died. */
export const BEAT_MS = 100
