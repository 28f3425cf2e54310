import { writeSync } from 'node:fs'
import {
  BLOCKED,
  type Board,
  CLOCK,
  CONTROLLER,
  DEAD,
  DEADLINES,
  DEEDS,
  DIED_AT,
  DONE,
  deed,
  KILLED,
  MAX_ASYNC_WAITS,
  MEMORY_HASH,
  NO_WORD,
  NOTIFIES,
  READS,
  RUNNABLE,
  real,
  SPINNING,
  STEP,
  STOP,
  TRACING,
  TURNS,
  VICTIM,
  WAITS,
  WRITES,
} from './board.ts'
import type { Races } from './races.ts'
import { Fault, mix, type Scheduler } from './scheduler.ts'

/** Thrown in a thread whose schedule is over. */
export class Stopped extends Error {}

/** Stands for whether a thread lives, among the words. */
const LIVES = 4000
/** So many looks at a word, and then another with the same result, are a spin. Code that does not spin looks three times in a row at most. */
const SPINNING_LOADS = 4
const DEAD_IDENTITY = -1n

interface Timer {
  atMs: number
  everyMs: number | undefined
  readonly callback: () => void
}

/**
 * What a thread of an exploration has in the place of Atomics, timers and clock: it stops before each operation on the pipe's memory until
 * the scheduler lets it go on, and its waits are the scheduler's.
 */
export class Gate {
  readonly #board: Board
  readonly #me: number
  readonly #memory: SharedArrayBuffer
  readonly #scheduler: Scheduler
  #races!: Races
  /** Words that do not matter to anybody's course: no steps of their own. */
  readonly #counters: ReadonlySet<number>
  readonly #handoff: number
  readonly #isOffer: (handoff: number) => boolean
  /** The first word of the holders. */
  readonly #holders: number
  readonly #nameOf: (word: number) => string
  /** Views that stand for typed arrays over the memory, to see plain accesses. */
  readonly #views = new WeakMap<object, Int32Array>()
  readonly #resolvers: ((() => void) | undefined)[] = []
  readonly #timers = new Map<number, Timer>()
  #lastTimer = 0
  #lastLoad = NO_WORD
  #lastValue = 0
  #loadsAlike = 0
  /** Whether the thread takes steps: not while a schedule is set up or taken down. */
  active = false
  /** Set by a schedule that must not wait: closing never does (C10). */
  mayWait = true

  constructor(options: {
    board: Board
    me: number
    memory: SharedArrayBuffer
    scheduler: Scheduler
    counters: ReadonlySet<number>
    handoff: number
    isOffer: (handoff: number) => boolean
    holders: number
    nameOf: (word: number) => string
  }) {
    this.#board = options.board
    this.#me = options.me
    this.#memory = options.memory
    this.#scheduler = options.scheduler
    this.#counters = options.counters
    this.#handoff = options.handoff
    this.#isOffer = options.isOffer
    this.#holders = options.holders
    this.#nameOf = options.nameOf
  }

  get clockMs(): number {
    return this.#board.times[CLOCK] as number
  }

  /** Waits for its turn before the next operation. */
  step(how: number, word: number): void {
    if (!this.active) return
    if (this.#board.flags[STOP] === 1) throw new Stopped()
    this.#board.timedOut[this.#me] = 0
    this.#scheduler.about = deed(this.#me, how, word)
    this.#yieldTo(this.#next(true))
    this.#did(how, word)
  }

  #did(how: number, word: number): void {
    const { flags, done } = this.#board
    this.observe(deed(this.#me, how, word))
    done[flags[DEEDS] as number] = deed(this.#me, how, word)
    flags[DEEDS] = (flags[DEEDS] as number) + 1
  }

  /** Gives the baton away until its status is RUNNABLE again. */
  leave(): void {
    if (this.#board.flags[STOP] === 1) throw new Stopped()
    this.#yieldTo(this.#next(false))
  }

  /** Gives the baton away for good, for this schedule. */
  finish(): void {
    this.active = false
    const { status, flags } = this.#board
    status[this.#me] = DONE
    if (flags[VICTIM] === this.#me && flags[KILLED] === 0) flags[DIED_AT] = flags[STEP] as number
    this.#board.pass(this.#board.flags[STOP] === 1 ? CONTROLLER : this.#next(false, true))
  }

  fail(error: unknown): void {
    this.#scheduler.fail(error instanceof Error ? `${error.name}: ${error.message}` : String(error))
  }

  /** Says that the operation gave `value`: the thread's course from here on depends on it. */
  observe(value: number): void {
    const { history } = this.#board
    history[this.#me * 2] = mix(history[this.#me * 2] as number, value)
    history[this.#me * 2 + 1] = mix((history[this.#me * 2 + 1] as number) + 0x51ed27, value)
  }

  trace(text: () => string): void {
    if (this.#board.flags[TRACING] === 1) writeSync(2, `${'    '.repeat(this.#me * 3)}${this.#me}: ${text()}\n`)
  }

  /** Who is next; the controller if there is a fault, to which a thread that is not finishing leaves the rest. */
  #next(goesOn: boolean, finishing = false): number {
    try {
      return this.#scheduler.next(this.#me, goesOn)
    } catch (error) {
      this.fail(error)
      if (!finishing) this.#toController()
      return CONTROLLER
    }
  }

  /** After a fault: the rest is up to the controller. */
  #toController(): never {
    this.#board.pass(CONTROLLER)
    this.#board.await(this.#me)
    throw new Stopped()
  }

  #yieldTo(next: number): void {
    if (next !== this.#me) {
      this.#board.pass(next)
      this.#board.await(this.#me)
    }
    if (this.#board.flags[STOP] === 1) throw new Stopped()
  }

  /** A fault found by the thread itself. */
  fault(message: string): never {
    this.fail(new Fault(message))
    if (!this.active) throw new Stopped()
    this.#toController()
  }

  /** Begins a part. */
  begin(): void {
    this.#lastLoad = NO_WORD
    this.#races.glance(false)
    this.active = true
  }

  // Atomics

  install(races: Races): void {
    this.#races = races
    let last: object | undefined
    let lastPlain: Int32Array | undefined
    const mine = (view: ArrayBufferView): Int32Array | undefined => {
      if (view === last) return lastPlain
      const known = this.#views.get(view)
      if (known !== undefined) {
        last = view
        lastPlain = known
        return known
      }
      return this.active && view.buffer === this.#memory && view instanceof Int32Array ? view : undefined
    }
    const plain = (view: Int32Array): Int32Array => this.#views.get(view) ?? view

    const gated: Record<string, unknown> = {}
    const replace = (
      name: keyof typeof real,
      operation: (words: Int32Array, word: number, a: number, b: number) => number,
    ): void => {
      const original = real[name] as (...args: unknown[]) => unknown
      gated[name] = (view: Int32Array, word: number, a: number, b: number): unknown => {
        const words = mine(view)
        if (words === undefined || !this.active) {
          if (!this.active || view.buffer !== this.#memory) return original(plain(view), word, a, b)
          if (!((view as object) instanceof BigInt64Array) || word * 2 < this.#holders)
            return original(view, word, a, b)
          return this.#identity(name, word, () => original(view, word, a, b) as bigint)
        }
        if (this.#counters.has(word)) return original(words, word, a, b)
        return operation(words, word, a, b)
      }
    }
    const change = (
      name: 'add' | 'and' | 'or' | 'exchange' | 'compareExchange',
      next: (old: number, a: number, b: number) => number,
    ): void =>
      replace(name, (words, word, a, b) => {
        this.step(WRITES, word)
        const old = words[word] as number
        this.#races.acquire(word)
        const value = next(old, a, b) | 0
        const writes = name !== 'compareExchange' || old === a
        if (word === this.#handoff) this.#races.match(writes)
        if (writes) {
          this.#put(words, word, value)
          this.#races.release(word)
        }
        this.#lastLoad = NO_WORD
        this.observe(old)
        this.trace(() => `${name} ${this.#nameOf(word)}: ${old}${writes ? ` -> ${value}` : ' stays'}`)
        return old
      })
    change('add', (old, a) => old + a)
    change('and', (old, a) => old & a)
    change('or', (old, a) => old | a)
    change('exchange', (_, a) => a)
    change('compareExchange', (old, a, b) => (old === a ? b : old))
    // A store acquires nothing.
    replace('store', (words, word, value) => {
      this.step(WRITES, word)
      const old = words[word] as number
      this.#put(words, word, value)
      this.#races.release(word)
      this.#lastLoad = NO_WORD
      this.trace(() => `store ${this.#nameOf(word)}: ${old} -> ${value}`)
      return value
    })
    replace('load', (words, word) => this.#load(words, word))

    const original = { wait: real.wait, notify: real.notify, waitAsync: real.waitAsync }
    const define = (name: string, value: unknown): void => {
      gated[name] = value
    }
    define('wait', (view: Int32Array, word: number, value: number, timeoutMs = Infinity) => {
      const words = mine(view)
      if (words === undefined || !this.active) return original.wait(plain(view), word, value, timeoutMs)
      return this.#wait(words, word, value, timeoutMs)
    })
    define('notify', (view: Int32Array, word: number) => {
      const words = mine(view)
      if (words === undefined || !this.active) return original.notify(plain(view), word)
      return this.#notify(word)
    })
    define('waitAsync', (view: Int32Array, word: number, value: number) => {
      const words = mine(view)
      if (words === undefined || !this.active) return original.waitAsync(plain(view), word, value)
      return this.#waitAsync(words, word, value)
    })
    // An object of its own: one whose methods are replaced is slow.
    Object.defineProperty(globalThis, 'Atomics', { value: { ...gated } })
    this.#installTime()
    this.#installViews()
  }

  /** An operation on what a holder is known by. */
  #identity(name: string, index: number, operate: () => bigint): bigint {
    const word = index * 2
    this.step(name === 'load' ? READS : WRITES, word)
    this.#lastLoad = NO_WORD
    const value = operate()
    this.observe(Number(value % 65536n))
    if (name !== 'load') this.#rehash(word, 0, this.#board.flags[DEEDS] as number)
    // edge: died. Who reads that a thread is dead knows it from one whom the system has told.
    if (value === DEAD_IDENTITY) this.#races.acquireFrom(this.#board.flags[VICTIM] as number)
    this.trace(() => `${name} identity at ${this.#nameOf(word)}: ${value}`)
    return value
  }

  #load(words: Int32Array, word: number): number {
    const seen = words[word] as number
    this.#loadsAlike = word === this.#lastLoad && seen === this.#lastValue ? this.#loadsAlike + 1 : 0
    if (this.#loadsAlike >= SPINNING_LOADS) {
      const { status, waitWord, spinValue, timedOut } = this.#board
      // Spinning: it makes no difference before the word has changed, or everybody else is at rest.
      if (timedOut[this.#me] !== 1) {
        status[this.#me] = SPINNING
        waitWord[this.#me] = word
        spinValue[this.#me] = seen
        this.trace(() => `spins on ${this.#nameOf(word)}: ${seen}`)
        this.leave()
        status[this.#me] = RUNNABLE
      }
      if ((words[word] as number) === seen) return seen
      this.#did(READS, word)
    } else {
      this.step(READS, word)
    }
    const value = words[word] as number
    this.#races.acquire(word)
    if (word === this.#handoff) this.#races.glance(this.#isOffer(value))
    this.#lastLoad = word
    this.#lastValue = value
    this.observe(value)
    this.trace(() => `load ${this.#nameOf(word)}: ${value}`)
    return value
  }

  #wait(words: Int32Array, word: number, value: number, timeoutMs: number): string {
    if (!this.mayWait) this.fault('a call that never waits does wait')
    this.step(WAITS, word)
    this.#lastLoad = NO_WORD
    if (words[word] !== value) {
      this.observe(1)
      this.trace(() => `wait ${this.#nameOf(word)}: is not ${value}`)
      return 'not-equal'
    }
    const { status, waitWord, timedOut, times } = this.#board
    status[this.#me] = BLOCKED
    waitWord[this.#me] = word
    timedOut[this.#me] = 0
    times[DEADLINES + this.#me] = this.clockMs + timeoutMs
    this.trace(() => `waits on ${this.#nameOf(word)} while ${value}, for ${timeoutMs} ms`)
    this.leave()
    times[DEADLINES + this.#me] = Infinity
    const late = timedOut[this.#me] === 1
    timedOut[this.#me] = 0
    this.observe(late ? 3 : 2)
    this.trace(() => (late ? `its time is up at ${this.clockMs}` : 'is woken'))
    return late ? 'timed-out' : 'ok'
  }

  #notify(word: number): number {
    this.step(NOTIFIES, word)
    this.#lastLoad = NO_WORD
    const { status, waitWord, times, asyncWords, asyncWoken } = this.#board
    let count = 0
    for (let t = 0; t < status.length; t += 1) {
      if (status[t] === BLOCKED && waitWord[t] === word) {
        status[t] = RUNNABLE
        times[DEADLINES + t] = Infinity
        count += 1
      }
      for (let i = t * MAX_ASYNC_WAITS; i < (t + 1) * MAX_ASYNC_WAITS; i += 1) {
        if (asyncWords[i] !== word || asyncWoken[i] === 1) continue
        asyncWoken[i] = 1
        count += 1
        if (status[t] === BLOCKED && waitWord[t] === NO_WORD) {
          status[t] = RUNNABLE
          times[DEADLINES + t] = Infinity
        }
      }
    }
    this.trace(() => `notify ${this.#nameOf(word)}: ${count}`)
    return count
  }

  #waitAsync(words: Int32Array, word: number, value: number): { async: boolean; value: unknown } {
    this.step(WAITS, word)
    this.#lastLoad = NO_WORD
    if (words[word] !== value) {
      this.observe(1)
      return { async: false, value: 'not-equal' }
    }
    const { asyncWords, asyncWoken } = this.#board
    const first = this.#me * MAX_ASYNC_WAITS
    const slot = asyncWords.subarray(first, first + MAX_ASYNC_WAITS).indexOf(NO_WORD)
    if (slot < 0) this.fault(`more than ${MAX_ASYNC_WAITS} waits on Atomics.waitAsync`)
    asyncWords[first + slot] = word
    asyncWoken[first + slot] = 0
    this.trace(() => `waitAsync on ${this.#nameOf(word)} while ${value}`)
    return { async: true, value: new Promise<string>((resolve) => (this.#resolvers[slot] = () => resolve('ok'))) }
  }

  #put(words: Int32Array, word: number, value: number): void {
    this.#rehash(word, words[word] as number, value)
    words[word] = value
  }

  #rehash(word: number, old: number, value: number): void {
    const { flags } = this.#board
    for (const i of [0, 1]) {
      const salt = word * 2 + i
      flags[MEMORY_HASH + i] = (flags[MEMORY_HASH + i] as number) ^ mix(salt, old) ^ mix(salt, value)
    }
  }

  // The event loop

  /** Rests until a timer is due or an awaited word was woken, and delivers that. */
  turn(): void {
    const { status, waitWord, timedOut, times, asyncWords, asyncWoken } = this.#board
    const first = this.#me * MAX_ASYNC_WAITS
    const mineWoken = (): boolean => asyncWoken.subarray(first, first + MAX_ASYNC_WAITS).includes(1)
    const deadline = Math.min(Infinity, ...[...this.#timers.values()].map(({ atMs }) => atMs))
    if (!mineWoken() && deadline > this.clockMs) {
      status[this.#me] = BLOCKED
      waitWord[this.#me] = NO_WORD
      times[DEADLINES + this.#me] = deadline
      this.trace(() => `its event loop rests until ${deadline}`)
      this.leave()
      times[DEADLINES + this.#me] = Infinity
      timedOut[this.#me] = 0
      this.#did(TURNS, 0)
    } else {
      this.step(TURNS, 0)
    }
    this.#lastLoad = NO_WORD
    this.observe(4)
    for (let i = 0; i < MAX_ASYNC_WAITS; i += 1) {
      if (asyncWoken[first + i] !== 1) continue
      this.observe(5 + i)
      asyncWords[first + i] = NO_WORD
      asyncWoken[first + i] = 0
      this.#resolvers[i]?.()
    }
    this.#runTimers()
  }

  /** Runs what is left of timers when nothing is pending, so that nothing of one schedule reaches the next. */
  drainTimers(): void {
    for (let i = 0; i < 10 && this.#timers.size > 0; i += 1) {
      for (const [id, timer] of [...this.#timers]) {
        if (timer.everyMs === undefined) this.#timers.delete(id)
        timer.callback()
      }
    }
    this.#timers.clear()
  }

  #runTimers(): void {
    for (const [id, timer] of [...this.#timers]) {
      if (timer.atMs > this.clockMs || !this.#timers.has(id)) continue
      if (timer.everyMs === undefined) this.#timers.delete(id)
      else timer.atMs = this.clockMs + timer.everyMs
      this.observe(20)
      timer.callback()
    }
  }

  #installTime(): void {
    Object.defineProperty(performance, 'now', {
      configurable: true,
      value: () => {
        if (this.active) this.observe(Math.round(this.clockMs * 16))
        return this.clockMs
      },
    })
    const later = (callback: () => void, delayMs: number, everyMs?: number) => {
      this.#lastTimer += 1
      const id = this.#lastTimer
      this.#timers.set(id, { atMs: this.clockMs + delayMs, everyMs, callback })
      return { id, ref() {}, unref() {} }
    }
    const clear = (timer: { id: number } | undefined): void => void this.#timers.delete(timer?.id ?? 0)
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, delayMs = 0) => later(callback, Math.max(1, delayMs)),
      setInterval: (callback: () => void, everyMs: number) => later(callback, everyMs, everyMs),
      setImmediate: (callback: () => void) => later(callback, 0),
      clearTimeout: clear,
      clearInterval: clear,
      clearImmediate: clear,
    })
  }

  // Plain accesses

  #installViews(): void {
    const gate = this
    for (const name of ['Int32Array', 'Float64Array'] as const) {
      const original = globalThis[name]
      const { BYTES_PER_ELEMENT } = original
      const handler: ProxyHandler<Int32Array> = {
        get(target, key) {
          const index = indexOf(key)
          if (index === undefined) {
            const value: unknown = Reflect.get(target, key)
            return typeof value === 'function' ? value.bind(target) : value
          }
          if (gate.isWatching) {
            gate.#races.read(index * BYTES_PER_ELEMENT, BYTES_PER_ELEMENT)
            gate.observe(Number(target[index]))
          }
          return target[index]
        },
        set(target, key, value: number) {
          const index = indexOf(key)
          if (index === undefined) return Reflect.set(target, key, value)
          if (gate.isWatching) {
            gate.#races.write(index * BYTES_PER_ELEMENT, BYTES_PER_ELEMENT)
            gate.#rehash(name === 'Int32Array' ? index : 5000 + index, target[index] as number, value)
            gate.trace(() => `${name === 'Int32Array' ? gate.#nameOf(index) : `float ${index}`} = ${value}`)
          }
          target[index] = value
          return true
        },
      }
      // All views are of the whole memory, so that one is enough: any other would not be watched.
      const view = Reflect.construct(original, [this.#memory]) as Int32Array
      const proxy = new Proxy(view, handler)
      this.#views.set(proxy, view)
      const stand = new Proxy(original, {
        construct: (target, args: [SharedArrayBuffer]) => {
          const made = Reflect.construct(target, args) as Int32Array
          if (args[0] !== this.#memory) return made
          if (made.byteLength !== this.#memory.byteLength) throw new TypeError(`a ${name} of a part of the memory`)
          return proxy
        },
      })
      Object.assign(globalThis, { [name]: stand })
    }
  }

  /** Does something as one step, in no schedule's way. */
  apart<T>(work: () => T): T {
    const { active } = this
    this.active = false
    try {
      return work()
    } finally {
      this.active = active
    }
  }

  /** Whether plain accesses count now. */
  get isWatching(): boolean {
    return this.active && this.#board.flags[STOP] === 0
  }

  /** Whether the scheduler has killed a thread, or the victim has come to its end: what others see of it by other means than the memory. */
  isDead(thread: number): boolean {
    this.step(READS, LIVES)
    const { status, flags } = this.#board
    const dead = status[thread] === DEAD || (status[thread] === DONE && flags[VICTIM] === thread)
    this.observe(dead ? 1 : 0)
    // edge: died
    if (dead) this.#races.acquireFrom(thread)
    return dead
  }
}

function indexOf(key: string | symbol): number | undefined {
  return typeof key === 'string' && key.charCodeAt(0) < 58 && key.charCodeAt(0) > 47 ? Number(key) : undefined
}
