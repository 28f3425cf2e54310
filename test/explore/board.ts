/**
 * What the threads of an exploration share beside the pipe: who may run, what each waits for, which choices were made. Only the thread that holds the
 * baton touches it, so it needs no atomics but for handing the baton over.
 */

export const MAX_THREADS = 4
/** The number of the controller, beside those of the threads. */
export const CONTROLLER = MAX_THREADS
const MAX_POINTS = 4096
const MAX_DEEDS = 32 * 1024
/** A choice that was made: its step, the choice, a bit for each alternative, how many deeds were done, what the running thread was about to do. */
export const MADE_INTS = 5
/** Waits of one thread on Atomics.waitAsync at the same time. */
export const MAX_ASYNC_WAITS = 8
const LOG_BYTES = 16 * 1024
const TEXT_BYTES = 64 * 1024
const VISITED_SLOTS = 2 ** 21
/** Words of the pipe's header that clocks are kept for. */
export const CLOCKED_WORDS = 1024
/** Bytes of a pipe's memory, its header included, that accesses are kept for. */
const TRACKED_BYTES = 16 * 1024

export const RUNNABLE = 0
/** In Atomics.wait on WAIT_WORD, or in a turn of its event loop, where it waits for timers and Atomics.waitAsync. */
export const BLOCKED = 1
/** Looks at WAIT_WORD again and again until it is no longer SPIN_VALUE. */
export const SPINNING = 2
export const DONE = 3
export const DEAD = 4

const ZEROS = new Uint8Array(TRACKED_BYTES * (MAX_THREADS + 1) * 4)
const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

export class Board {
  readonly buffer: SharedArrayBuffer
  /** 1 = this thread has the baton. */
  readonly go: Int32Array
  readonly flags: Int32Array
  readonly status: Int32Array
  readonly waitWord: Int32Array
  readonly spinValue: Int32Array
  /** 1 = the wait of this thread ended because its time was up. */
  readonly timedOut: Int32Array
  /** Virtual time in ms, then the deadlines of the threads. */
  readonly times: Float64Array
  readonly asyncWords: Int32Array
  readonly asyncWoken: Int32Array
  readonly history: Int32Array
  /** Steps and choices that are given, and then those that were made: see MADE_INTS. */
  readonly given: Int32Array
  readonly made: Int32Array
  /** What was done: a word, and above it how and by whom. */
  readonly done: Int32Array
  readonly visited: Int32Array
  readonly threadClocks: Int32Array
  readonly wordClocks: Int32Array
  /** Per byte: thread and clock of the last write, then the clock of the last read of each thread. */
  readonly accesses: Int32Array
  readonly #accessBytes: Buffer
  readonly #clockBytes: Buffer
  /** How often each value of a byte was copied out of the window. */
  readonly taken: Int32Array
  readonly logs: Uint8Array
  readonly text: Uint8Array

  constructor(buffer?: SharedArrayBuffer) {
    let offset = 0
    const place = (bytes: number): number => {
      const start = offset
      offset += Math.ceil(bytes / 64) * 64
      return start
    }
    const ints = (count: number): [number, number] => [place(count * 4), count]
    const regions = {
      go: ints((MAX_THREADS + 1) * 16),
      flags: ints(32),
      status: ints(MAX_THREADS),
      waitWord: ints(MAX_THREADS),
      spinValue: ints(MAX_THREADS),
      timedOut: ints(MAX_THREADS),
      asyncWords: ints(MAX_THREADS * MAX_ASYNC_WAITS),
      asyncWoken: ints(MAX_THREADS * MAX_ASYNC_WAITS),
      history: ints((MAX_THREADS + 1) * 2),
      given: ints(MAX_POINTS * 2),
      made: ints(MAX_POINTS * MADE_INTS),
      done: ints(MAX_DEEDS),
      visited: ints(VISITED_SLOTS * 2),
      threadClocks: ints(MAX_THREADS * MAX_THREADS),
      wordClocks: ints(CLOCKED_WORDS * MAX_THREADS),
      accesses: ints(TRACKED_BYTES * (MAX_THREADS + 1)),
      taken: ints(256),
    }
    const times = place((MAX_THREADS + 1) * 8)
    const logs = place(LOG_BYTES * MAX_THREADS)
    const text = place(TEXT_BYTES)
    this.buffer = buffer ?? new SharedArrayBuffer(offset)
    const view = ([start, count]: [number, number]): Int32Array => new Int32Array(this.buffer, start, count)
    this.go = view(regions.go)
    this.flags = view(regions.flags)
    this.status = view(regions.status)
    this.waitWord = view(regions.waitWord)
    this.spinValue = view(regions.spinValue)
    this.timedOut = view(regions.timedOut)
    this.asyncWords = view(regions.asyncWords)
    this.asyncWoken = view(regions.asyncWoken)
    this.history = view(regions.history)
    this.given = view(regions.given)
    this.made = view(regions.made)
    this.done = view(regions.done)
    this.visited = view(regions.visited)
    this.threadClocks = view(regions.threadClocks)
    this.wordClocks = view(regions.wordClocks)
    this.accesses = view(regions.accesses)
    this.taken = view(regions.taken)
    const bytes = ([start, count]: [number, number]): Buffer => Buffer.from(this.buffer, start, count * 4)
    this.#accessBytes = bytes(regions.accesses)
    this.#clockBytes = bytes(regions.wordClocks)
    this.times = new Float64Array(this.buffer, times, MAX_THREADS + 1)
    this.logs = new Uint8Array(this.buffer, logs, LOG_BYTES * MAX_THREADS)
    this.text = new Uint8Array(this.buffer, text, TEXT_BYTES)
  }

  /** Makes everything as at the start of a schedule; what was visited stays. */
  reset(): void {
    const { flags } = this
    flags[DEEDS] = 0
    flags[PRUNED_AT] = 0
    for (const flag of [
      STEP,
      GIVEN_AT,
      MADE_COUNT,
      SPENT,
      KILLED,
      DIED_AT,
      STOP,
      PRUNED,
      FAILED,
      MEMORY_HASH,
      MEMORY_HASH + 1,
    ])
      flags[flag] = 0
    this.status.fill(DONE)
    this.timedOut.fill(0)
    this.asyncWords.fill(NO_WORD)
    this.asyncWoken.fill(0)
    this.history.fill(0)
    this.times.fill(0)
    this.threadClocks.fill(0)
    clear(this.#clockBytes, this.#clockBytes.length)
    clear(this.#accessBytes, (flags[PIPE_BYTES] as number) * (MAX_THREADS + 1) * 4)
    this.taken.fill(0)
    for (let t = 0; t < MAX_THREADS; t += 1) {
      this.threadClocks[t * MAX_THREADS + t] = 1
      this.times[DEADLINES + t] = Infinity
      this.logs[t * LOG_BYTES] = 0
      this.logs[t * LOG_BYTES + 1] = 0
    }
  }

  /** Hands the baton over. @returns once it has come back, unless it is given away for good */
  pass(to: number): void {
    real.store(this.go, to * 16, 1)
    real.notify(this.go, to * 16)
  }

  /** Waits for the baton. */
  await(me: number): void {
    const word = me * 16
    while (real.load(this.go, word) !== 1) real.wait(this.go, word, 0)
    real.store(this.go, word, 0)
  }

  hasBaton(me: number): boolean {
    return real.load(this.go, me * 16) === 1
  }

  writeLog(thread: number, value: unknown): void {
    this.#write(this.logs.subarray(thread * LOG_BYTES, (thread + 1) * LOG_BYTES), JSON.stringify(value))
  }

  readLog(thread: number): unknown {
    const text = this.#read(this.logs.subarray(thread * LOG_BYTES, (thread + 1) * LOG_BYTES))
    return text === '' ? undefined : JSON.parse(text)
  }

  writeText(text: string): void {
    this.#write(this.text, text)
  }

  readText(): string {
    return this.#read(this.text)
  }

  #write(area: Uint8Array, text: string): void {
    const bytes = ENCODER.encode(text).subarray(0, area.length - 2)
    area[0] = bytes.length & 255
    area[1] = bytes.length >> 8
    real.set.call(area, bytes, 2)
  }

  #read(area: Uint8Array): string {
    const length = (area[0] as number) + (area[1] as number) * 256
    return DECODER.decode(real.slice.call(area, 2, 2 + length))
  }
}

/** Fills with zeros by a copy, which takes a tenth of the time that `fill` takes on shared memory. */
function clear(bytes: Buffer, length: number): void {
  bytes.fill(ZEROS.subarray(0, length), 0, length)
}

/** What the runtime itself offers, before a thread of an exploration is given something else. */
export const real = {
  load: Atomics.load,
  store: Atomics.store,
  notify: Atomics.notify,
  wait: Atomics.wait,
  waitAsync: Atomics.waitAsync,
  add: Atomics.add,
  and: Atomics.and,
  or: Atomics.or,
  compareExchange: Atomics.compareExchange,
  exchange: Atomics.exchange,
  set: Uint8Array.prototype.set,
  slice: Uint8Array.prototype.slice,
  setImmediate: globalThis.setImmediate,
}

// flags
export const STEP = 0
/** How many of the given choices were used. */
export const GIVEN_AT = 1
export const GIVEN_COUNT = 2
export const MADE_COUNT = 3
/** Preemptions spent. */
export const SPENT = 4
export const BOUND = 5
export const KILLED = 6
/** The thread that may be killed; -1 = none. */
export const VICTIM = 7
/** The schedule is over: whoever gets the baton unwinds. */
export const STOP = 8
export const PRUNED = 9
export const FAILED = 10
export const MEMORY_HASH = 11
export const SCENARIO = 13
export const THREADS = 14
export const PIPE_BYTES = 15
/** Time-outs of up to so many ms may run out at any moment; longer ones are polls, which nobody may depend on. */
export const TIMER_MS = 16
/** 1 = polls may be waited for, since a thread may die. */
export const POLLS = 17
export const STEP_LIMIT = 18
/** 1 = a text of all that is done is kept. */
export const TRACING = 19
export const BUFFERED = 21
/** 1 = no schedule is left out. */
export const FULL = 20
/** The step at which the victim died, or came to its end. */
export const DIED_AT = 22
export const DEEDS = 23
/** A bit for each thread whose part is the same as that of the thread before it: it begins after that one. */
export const TWINS = 25
/** 1 = a schedule is left where it meets a state that was there before. */
export const LEAVES = 26
/** Deeds when a state was met that was there before: from there on no more choices are tried. */
export const PRUNED_AT = 24

// A deed: its word in the low bits, then how, then who.
export const READS = 0
export const WRITES = 1
export const WAITS = 2
export const NOTIFIES = 3
/** What may depend on anything. */
export const TURNS = 4
const WORD_BITS = 12
const HOW_BITS = 3

export function deed(thread: number, how: number, word: number): number {
  return (thread << (WORD_BITS + HOW_BITS)) | (how << WORD_BITS) | (word & ((1 << WORD_BITS) - 1))
}

export function deedOf(packed: number): { thread: number; how: number; word: number } {
  return {
    thread: packed >> (WORD_BITS + HOW_BITS),
    how: (packed >> WORD_BITS) & ((1 << HOW_BITS) - 1),
    word: packed & ((1 << WORD_BITS) - 1),
  }
}

// times
export const CLOCK = 0
export const DEADLINES = 1

export const NO_WORD = -1
export { MAX_POINTS, VISITED_SLOTS }
