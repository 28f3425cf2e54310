import { byteOf, CANCELLED, type Call, type Ends, endFor, type Model, type Reply, TIMED_OUT } from './model-call.ts'

/**
 * The contract of a rendezvous pipe as every order in which the calls that are on can have met: a set of states, which a reply makes smaller. It
 * must never become empty.
 */

/** How a call that is over, and has not replied yet, ended in this state. */
type Over = { wrote: number } | { read: number; of: number; at: number } | { failed: string | null; taken: number }

interface State {
  /** The write that a read has met and that is not over: no other is met before. */
  current: number
  /** Bytes taken of each write that is on. */
  taken: Record<number, number>
  over: Record<number, Over>
}

const NONE = 0

export class RendezvousModel implements Model {
  readonly #calls = new Map<number, Call>()
  readonly #cancelled = new Set<number>()
  /** Calls begun after the end: they see it at once. */
  readonly #late = new Set<number>()
  #ends: Ends = {}
  #states: State[] = [{ current: NONE, taken: {}, over: {} }]
  #total = 0

  begin(call: Call): void {
    this.#calls.set(call.id, call)
    if (this.#ended) this.#late.add(call.id)
    if (call.half === 'writer') for (const state of this.#states) state.taken[call.id] = 0
    this.#spread()
  }

  cancel(id: number): void {
    this.#cancelled.add(id)
    this.#spread()
  }

  end(ends: Ends): void {
    this.#ends = ends
    this.#spread()
  }

  due(): number[] {
    const settled = this.#states.filter((state) => this.#matches(state).length === 0)
    return [...this.#calls.values()]
      .filter(
        ({ id, timeout }) =>
          timeout !== undefined || this.#ended || this.#cancelled.has(id) || settled.every((state) => id in state.over),
      )
      .map(({ id }) => id)
  }

  reply(reply: Reply): string | undefined {
    const { id } = reply
    const fitting = this.#states.filter((state) => fits(state.over[id], reply))
    if (fitting.length === 0) {
      const outcomes = new Set(this.#states.map((state) => JSON.stringify(state.over[id] ?? 'still on')))
      return [...outcomes].join(' or ')
    }
    const first = fitting[0]?.over[id] as Over
    if ('read' in first) this.#total += first.read
    this.#calls.delete(id)
    this.#states = fitting
    for (const state of this.#states) {
      delete state.over[id]
      delete state.taken[id]
    }
    this.#spread()
    return undefined
  }

  total(): number {
    return this.#total
  }

  get #ended(): boolean {
    return Object.keys(this.#ends).length > 0
  }

  /** Adds all states that the ones there can become. */
  #spread(): void {
    const known = new Map<string, State>()
    const open = this.#states
    for (let state = open.pop(); state !== undefined; state = open.pop()) {
      const key = JSON.stringify(state)
      if (known.has(key)) continue
      known.set(key, state)
      open.push(...this.#matches(state), ...this.#departures(state))
    }
    this.#states = [...known.values()]
  }

  #matches(state: State): State[] {
    if (this.#ended) return []
    const on = [...this.#calls.values()].filter(({ id }) => !(id in state.over))
    const writes = on.filter(({ id, half }) => half === 'writer' && (state.current === NONE || state.current === id))
    const reads = on.filter(({ half }) => half === 'reader')
    return writes.flatMap((write) => reads.flatMap((read) => meet(state, write, read)))
  }

  /** Calls that leave without having met anybody, or in the middle of a write. */
  #departures(state: State): State[] {
    return [...this.#calls.values()]
      .filter(({ id }) => !(id in state.over))
      .flatMap((call) => {
        const whys: (string | null)[] = []
        if (call.timeout !== undefined && !this.#late.has(call.id)) whys.push(TIMED_OUT)
        if (this.#cancelled.has(call.id)) whys.push(CANCELLED)
        const end = endFor(call.half, this.#ends)
        if (end !== undefined) whys.push(end)
        return whys.map((failed) => after(state, call.id, { failed, taken: state.taken[call.id] ?? 0 }))
      })
  }
}

/** The states after a read meets a write (C2 to C4, C7, C8). */
function meet(state: State, write: Call, read: Call): State[] {
  const at = state.taken[write.id] as number
  const left = write.size - at
  const most = read.kind === 'next' ? left : Math.min(read.size, left)
  // In place, a read is lent at least one of the bytes that are left.
  const least = read.kind === 'in place' ? Math.min(1, most) : most
  const states: State[] = []
  for (let n = least; n <= most; n += 1) {
    const skipped = read.kind === 'next' && left === 0
    const met = skipped ? copyOf(state) : after(state, read.id, { read: n, of: write.id, at })
    met.taken[write.id] = at + n
    met.current = write.id
    states.push(n === left ? after(met, write.id, { wrote: write.size }) : met)
  }
  return states
}

function after(state: State, id: number, over: Over): State {
  const next = copyOf(state)
  next.over[id] = over
  if (next.current === id) next.current = NONE
  return next
}

function copyOf({ current, taken, over }: State): State {
  return { current, taken: { ...taken }, over: { ...over } }
}

function fits(over: Over | undefined, reply: Reply): boolean {
  if (over === undefined) return false
  if ('failed' in reply) {
    const counted = reply.bytesWritten ?? 0
    return 'failed' in over && over.failed === reply.failed && over.taken === counted
  }
  if ('wrote' in over) return reply.n === over.wrote
  if ('failed' in over) return over.failed === null && reply.n === null
  return reply.n === over.read && holds(reply.bytes, over)
}

function holds(bytes: Uint8Array | undefined, { read, of, at }: { read: number; of: number; at: number }): boolean {
  for (let i = 0; i < read; i += 1) if (bytes?.[i] !== byteOf(of, at + i)) return false
  return true
}
