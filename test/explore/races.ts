import type { Board } from './board.ts'
import { CLOCKED_WORDS, MAX_THREADS } from './board.ts'

/**
 * Finds accesses to the pipe's memory that no edge puts in order: vector clocks over the atomics, of those words only that the layout names as the
 * bearers of an edge. What happens to be in order by other words does not count.
 */
export class Races {
  readonly #board: Board
  readonly #me: number
  /** By word: 1 = it bears an edge. */
  readonly #bearers = new Uint8Array(CLOCKED_WORDS)
  readonly #fault: (message: string) => never
  /** Not looked at: a glance that may be wrong by its own word. */
  paused = false
  /** Reads of what is on offer, before the match: they count if the offer is still the same then. With what each byte was last written by. */
  #early: { byte: number; written: number }[] | undefined
  #whenMatched: (() => void)[] = []

  constructor(board: Board, me: number, bearers: readonly number[], fault: (message: string) => never) {
    this.#board = board
    this.#me = me
    for (const word of bearers) this.#bearers[word] = 1
    this.#fault = fault
  }

  acquire(word: number): void {
    if (this.#bearers[word] !== 1) return
    const { threadClocks, wordClocks } = this.#board
    for (let t = 0; t < MAX_THREADS; t += 1) {
      const mine = this.#me * MAX_THREADS + t
      threadClocks[mine] = Math.max(threadClocks[mine] as number, wordClocks[word * MAX_THREADS + t] as number)
    }
  }

  /** What a thread did before it died is done. */
  acquireFrom(thread: number): void {
    const { threadClocks } = this.#board
    for (let t = 0; t < MAX_THREADS; t += 1) {
      const mine = this.#me * MAX_THREADS + t
      threadClocks[mine] = Math.max(threadClocks[mine] as number, threadClocks[thread * MAX_THREADS + t] as number)
    }
  }

  release(word: number): void {
    if (this.#bearers[word] !== 1) return
    const { threadClocks, wordClocks } = this.#board
    for (let t = 0; t < MAX_THREADS; t += 1) {
      wordClocks[word * MAX_THREADS + t] = threadClocks[this.#me * MAX_THREADS + t] as number
    }
    const own = this.#me * MAX_THREADS + this.#me
    threadClocks[own] = (threadClocks[own] as number) + 1
  }

  /** An offer was seen, or none. */
  glance(offered: boolean): void {
    this.#early = offered ? [] : undefined
    this.#whenMatched = []
  }

  /** The word of the offer was changed by this thread, or was no longer the same. */
  match(matched: boolean): void {
    const early = this.#early ?? []
    const whenMatched = this.#whenMatched
    this.glance(false)
    if (!matched) return
    for (const { byte, written } of early) {
      if (this.#board.accesses[byte * (MAX_THREADS + 1)] !== written) {
        this.#fault(`byte ${byte} was read by thread ${this.#me} before its match, and written since`)
      }
      this.read(byte, 1)
    }
    for (const then of whenMatched) then()
  }

  /** Does something now, or once what was read early is known to be right. */
  onceMatched(then: () => void): void {
    if (this.#early === undefined) then()
    else this.#whenMatched.push(then)
  }

  read(start: number, length: number): void {
    if (this.paused) return
    if (this.#early !== undefined) {
      for (let byte = start; byte < start + length; byte += 1) {
        this.#early.push({ byte, written: this.#board.accesses[byte * (MAX_THREADS + 1)] as number })
      }
      return
    }
    for (let byte = start; byte < start + length; byte += 1) {
      this.#afterLastWrite(byte, 'read')
      this.#board.accesses[byte * (MAX_THREADS + 1) + 1 + this.#me] = this.#clock
    }
  }

  write(start: number, length: number): void {
    const { accesses, threadClocks } = this.#board
    for (let byte = start; byte < start + length; byte += 1) {
      this.#afterLastWrite(byte, 'written')
      const at = byte * (MAX_THREADS + 1)
      for (let t = 0; t < MAX_THREADS; t += 1) {
        if (t !== this.#me && (accesses[at + 1 + t] as number) > (threadClocks[this.#me * MAX_THREADS + t] as number)) {
          this.#fault(`byte ${byte} is written by thread ${this.#me} with no edge from its read by thread ${t}`)
        }
      }
      accesses[at] = (this.#clock << 3) | (this.#me + 1)
    }
  }

  get #clock(): number {
    return this.#board.threadClocks[this.#me * MAX_THREADS + this.#me] as number
  }

  #afterLastWrite(byte: number, what: string): void {
    const last = this.#board.accesses[byte * (MAX_THREADS + 1)] as number
    const thread = (last & 7) - 1
    if (thread < 0 || thread === this.#me) return
    if (last >> 3 > (this.#board.threadClocks[this.#me * MAX_THREADS + thread] as number)) {
      this.#fault(`byte ${byte} is ${what} by thread ${this.#me} with no edge from its write by thread ${thread}`)
    }
  }
}
