import {
  BLOCKED,
  BOUND,
  type Board,
  CLOCK,
  CONTROLLER,
  DEAD,
  DEADLINES,
  DEEDS,
  DIED_AT,
  DONE,
  FAILED,
  FULL,
  GIVEN_AT,
  GIVEN_COUNT,
  KILLED,
  LEAVES,
  MADE_COUNT,
  MADE_INTS,
  MAX_POINTS,
  MAX_THREADS,
  MEMORY_HASH,
  POLLS,
  PRUNED,
  PRUNED_AT,
  RUNNABLE,
  SPENT,
  SPINNING,
  STEP,
  STEP_LIMIT,
  THREADS,
  TIMER_MS,
  TWINS,
  VICTIM,
  VISITED_SLOTS,
} from './board.ts'

/**
 * Decides who takes the next step. It runs in whichever thread holds the baton, so that a thread that goes on costs no hand-over.
 *
 * A choice is a number: run thread t; FIRE + t: time passes until the wait of thread t times out; KILL: the running thread dies here. To take the baton
 * from a thread that could go on costs one preemption, and so does a death, or time that passes by itself; schedules are enumerated within a bound on
 * that.
 */
const FIRE = MAX_THREADS
const KILL = 2 * MAX_THREADS

/** What a schedule ended with that must not be. */
export class Fault extends Error {}

export class Scheduler {
  readonly #board: Board
  readonly #words: Int32Array
  /** What the running thread is about to do. */
  about = 0

  constructor(board: Board, words: Int32Array) {
    this.#board = board
    this.#words = words
  }

  get #count(): number {
    return this.#board.flags[THREADS] as number
  }

  /**
   * Chooses who runs next; `goesOn` if the current thread could.
   *
   * @returns the thread, which may be the current one, or CONTROLLER when the schedule is over
   * @throws Fault if nobody can go on
   */
  next(current: number, goesOn: boolean): number {
    const { flags } = this.#board
    const step = (flags[STEP] as number) + 1
    flags[STEP] = step
    if (step > (flags[STEP_LIMIT] as number)) throw new Fault(`no end after ${step} steps`)
    const usual = goesOn ? current : this.#firstEnabled(current + 1)
    if (usual === undefined) return this.#whenNobodyCan()
    const at = flags[GIVEN_AT] as number
    if (at < (flags[GIVEN_COUNT] as number)) {
      if (this.#board.given[at * 2] !== step) return this.#apply(usual, current)
      flags[GIVEN_AT] = at + 1
      const choice = this.#board.given[at * 2 + 1] as number
      flags[SPENT] = (flags[SPENT] as number) + this.#cost(choice, current, goesOn)
      return this.#apply(choice, current)
    }
    this.#note(step, usual, current, goesOn)
    if (flags[PRUNED] === 1 && flags[LEAVES] === 1) return CONTROLLER
    return this.#apply(usual, current)
  }

  /** Notes what else could be done here, to be tried by other schedules; unless all that can follow was tried from such a state before. */
  #note(step: number, usual: number, current: number, goesOn: boolean): void {
    const { flags, made } = this.#board
    if (flags[PRUNED] === 1) return
    const left = (flags[BOUND] as number) - (flags[SPENT] as number)
    let alternatives = 0
    for (let t = 0; t < this.#count; t += 1) {
      if (t !== usual && this.#isEnabled(t, current, goesOn) && (!goesOn || left > 0)) alternatives |= 1 << t
    }
    const timer = this.#firstTimer()
    if (timer !== undefined && left > 0) alternatives |= 1 << (FIRE + timer)
    if (goesOn && current === flags[VICTIM] && flags[KILLED] === 0 && left > 0) alternatives |= 1 << KILL
    if (alternatives === 0) return
    if (flags[FULL] === 0 && this.#wasVisited(current, goesOn, left)) {
      flags[PRUNED] = 1
      flags[PRUNED_AT] = flags[DEEDS] as number
      return
    }
    const count = flags[MADE_COUNT] as number
    if (count >= MAX_POINTS) throw new Fault(`more than ${MAX_POINTS} choices`)
    const first = count * MADE_INTS
    made[first] = step
    made[first + 1] = usual
    made[first + 2] = alternatives
    made[first + 3] = flags[DEEDS] as number
    made[first + 4] = goesOn ? this.about : -1
    flags[MADE_COUNT] = count + 1
  }

  #cost(choice: number, current: number, goesOn: boolean): number {
    if (choice === KILL) return 1
    return choice >= FIRE || (goesOn && choice !== current) ? 1 : 0
  }

  #apply(choice: number, current: number): number {
    const { flags, status, times, timedOut } = this.#board
    if (choice === KILL) {
      flags[KILLED] = 1
      flags[DIED_AT] = flags[STEP] as number
      status[current] = DEAD
      times[DEADLINES + current] = Infinity
      const next = this.#firstEnabled(current + 1)
      return next === undefined ? this.#whenNobodyCan() : this.#apply(next, current)
    }
    if (choice >= FIRE) {
      const thread = choice - FIRE
      times[CLOCK] = Math.max(times[CLOCK] as number, times[DEADLINES + thread] as number)
      timedOut[thread] = 1
      status[thread] = RUNNABLE
      times[DEADLINES + thread] = Infinity
      return thread
    }
    if (status[choice] === SPINNING) status[choice] = RUNNABLE
    return choice
  }

  #isEnabled(thread: number, current: number, goesOn: boolean): boolean {
    const { flags, status, waitWord, spinValue } = this.#board
    if (thread === current && !goesOn) return status[thread] === RUNNABLE
    switch (status[thread]) {
      case RUNNABLE:
        // Which of two with the same part begins makes no difference.
        return ((flags[TWINS] as number) & (1 << thread)) === 0 || this.#board.history[(thread - 1) * 2] !== 0
      case SPINNING:
        return this.#words[waitWord[thread] as number] !== spinValue[thread]
      default:
        return false
    }
  }

  #firstEnabled(from: number): number | undefined {
    for (let i = 0; i < this.#count; i += 1) {
      const thread = (from + i) % this.#count
      if (this.#isEnabled(thread, CONTROLLER, false)) return thread
    }
    return undefined
  }

  /** The blocked thread whose time is up first, if that is soon. */
  #firstTimer(limitMs = this.#board.flags[TIMER_MS] as number): number | undefined {
    const { status, times } = this.#board
    let first: number | undefined
    for (let t = 0; t < this.#count; t += 1) {
      const deadline = times[DEADLINES + t] as number
      if (status[t] !== BLOCKED || deadline - (times[CLOCK] as number) > limitMs || deadline === Infinity) continue
      if (first === undefined || deadline < (times[DEADLINES + first] as number)) first = t
    }
    return first
  }

  #whenNobodyCan(): number {
    const { flags, status, times } = this.#board
    const spinning = status.indexOf(SPINNING)
    if (spinning >= 0 && spinning < this.#count) {
      // In vain: it goes on to sleep.
      this.#board.timedOut[spinning] = 1
      status[spinning] = RUNNABLE
      return spinning
    }
    const timer = this.#firstTimer(flags[POLLS] === 1 ? Number.MAX_VALUE : (flags[TIMER_MS] as number))
    if (timer !== undefined) return this.#apply(FIRE + timer, CONTROLLER)
    const states = Array.from(status.subarray(0, this.#count))
    if (states.every((state) => state === DONE || state === DEAD)) return CONTROLLER
    const waits = states.map((state, t) => {
      if (state !== BLOCKED) return `thread ${t} ${state === DONE ? 'is done' : 'is dead'}`
      return `thread ${t} waits, on word ${this.#board.waitWord[t]}, until ${times[DEADLINES + t]} ms`
    })
    throw new Fault(`nobody is ever told to go on, or all wait for each other: ${waits.join('; ')}`)
  }

  /** Whether a state like this was there before, with as much left to spend. Notes it. */
  #wasVisited(current: number, goesOn: boolean, left: number): boolean {
    const { flags, status, history, times, visited } = this.#board
    let high = mix(flags[MEMORY_HASH] as number, goesOn ? current : -1 - current)
    let low = mix(flags[MEMORY_HASH + 1] as number, high ^ ((times[CLOCK] as number) * 1024))
    for (let t = 0; t < this.#count; t += 1) {
      const deadline = times[DEADLINES + t] as number
      const state = (status[t] as number) * 4 + (this.#board.timedOut[t] as number)
      high = mix(high, (history[t * 2] as number) ^ state)
      low = mix(low ^ (deadline === Infinity ? -1 : deadline * 1024), history[t * 2 + 1] as number)
    }
    // The budget is kept in the low bits: a state that was left with more covers this one.
    const key = low & ~7
    const mask = VISITED_SLOTS - 1
    for (let i = 0, slot = high & mask; i < 64; i += 1, slot = (slot + 1) & mask) {
      const seenHigh = visited[slot * 2] as number
      const seenLow = visited[slot * 2 + 1] as number
      if (seenHigh === 0 && seenLow === 0) {
        visited[slot * 2] = high
        visited[slot * 2 + 1] = key | (left + 1)
        return false
      }
      if (seenHigh === high && (seenLow & ~7) === key) {
        if ((seenLow & 7) > left) return true
        visited[slot * 2 + 1] = key | (left + 1)
        return false
      }
    }
    return false
  }

  fail(message: string): void {
    this.#board.flags[FAILED] = 1
    this.#board.writeText(message)
  }
}

export function mix(hash: number, value: number): number {
  let h = Math.imul(hash ^ value ^ 0x5bd1e995, 0x9e3779b1)
  h ^= h >>> 15
  h = Math.imul(h, 0x85ebca6b)
  return h ^ (h >>> 13)
}
