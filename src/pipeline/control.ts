/**
 * What the threads of one run share beside their pipes: 32-bit words, and a time (`n`, a BigInt64).
 *
 * | word         | holds                                             | written by                 | parked on by         |
 * | ------------ | ------------------------------------------------- | -------------------------- | -------------------- |
 * | OPENED (n)   | when the gate opened, by the process's clock      | the last to be ready, before it opens the gate | - |
 * | GATE         | CLOSED → OPEN, or CLOSED → CALLED_OFF             | the last to be ready, main | every party, at start |
 * | READY        | how many parties are ready                        | each party, once           | -                    |
 * | FIRST        | 0, or the place + 1 of the part that failed first | whoever fails first        | -                    |
 * | SEATS + seat | the `threadId` of the thread in the seat, + 1     | that thread                | -                    |
 *
 * A party is ready when nothing but bytes keeps it from work: its module is loaded, its file open, its child process there. The gate opens when all
 * are, so that no byte flows in a pipeline that cannot run.
 */
const OPENED = 0
const GATE = 2
const READY = 3
const FIRST = 4
const SEATS = 5

/** Memory comes in whole BigInt64s. */
const WORDS_PER_NANOS = BigInt64Array.BYTES_PER_ELEMENT / Int32Array.BYTES_PER_ELEMENT
const NANOS_PER_MS = 1e6

const CLOSED = 0
const OPEN = 1
const CALLED_OFF = 2

/** The place in FIRST of what comes from outside: `abort()` and the signal. */
export const OUTSIDE = -2

export interface ControlHandle {
  readonly memory: SharedArrayBuffer
  readonly parties: number
}

export class Control implements ControlHandle {
  readonly memory: SharedArrayBuffer
  readonly parties: number
  readonly #words: Int32Array
  readonly #nanos: BigInt64Array

  private constructor(memory: SharedArrayBuffer, parties: number) {
    this.memory = memory
    this.parties = parties
    this.#words = new Int32Array(memory)
    this.#nanos = new BigInt64Array(memory)
  }

  static make(parties: number, seats: number): Control {
    const words = Math.ceil((SEATS + seats) / WORDS_PER_NANOS) * WORDS_PER_NANOS
    return new Control(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT), parties)
  }

  static from({ memory, parties }: ControlHandle): Control {
    return new Control(memory, parties)
  }

  /** Notes which thread has taken a seat. */
  arrive(seat: number, threadId: number): void {
    Atomics.store(this.#words, SEATS + seat, threadId + 1)
  }

  /** The thread in a seat; undefined if none has taken it yet. */
  threadIn(seat: number): number | undefined {
    const noted = Atomics.load(this.#words, SEATS + seat)
    return noted === 0 ? undefined : noted - 1
  }

  /** Says that one more party is ready. The last one opens the gate. */
  ready(): void {
    if (Atomics.add(this.#words, READY, 1) + 1 < this.parties) return
    this.#nanos[OPENED] = process.hrtime.bigint()
    this.#move(OPEN)
  }

  /** When the gate opened, in ms of this thread's clock; undefined if it has not. */
  openedMs(): number | undefined {
    if (Atomics.load(this.#words, GATE) !== OPEN) return undefined
    const sinceNanos = process.hrtime.bigint() - (this.#nanos[OPENED] as bigint)
    return performance.now() - Number(sinceNanos) / NANOS_PER_MS
  }

  /** Says that the run will not take place, if it has not begun. */
  callOff(): void {
    this.#move(CALLED_OFF)
  }

  /** Waits for the gate, blocking. @returns whether the run begins */
  waitSync(): boolean {
    // until the last party is ready, or main calls off
    Atomics.wait(this.#words, GATE, CLOSED)
    return Atomics.load(this.#words, GATE) === OPEN
  }

  /** Waits for the gate. It does not keep the event loop alive. */
  async wait(): Promise<boolean> {
    const { async, value } = Atomics.waitAsync(this.#words, GATE, CLOSED)
    if (async) await value
    return Atomics.load(this.#words, GATE) === OPEN
  }

  /** Claims to be what failed first. @returns whether it is */
  claim(part: number): boolean {
    return Atomics.compareExchange(this.#words, FIRST, 0, part + 1) === 0
  }

  /** Whether a part is the one that failed first. */
  isFirst(part: number): boolean {
    return Atomics.load(this.#words, FIRST) === part + 1
  }

  /** The place of the part that failed first; undefined while there is none, and where it was somebody outside. */
  first(): number | undefined {
    const noted = Atomics.load(this.#words, FIRST)
    return noted > 0 ? noted - 1 : undefined
  }

  #move(state: number): void {
    Atomics.compareExchange(this.#words, GATE, CLOSED, state)
    Atomics.notify(this.#words, GATE) // tells all parties: begin, or go home
  }
}
