import type { Event } from './actor.ts'
import type { Scenario } from './scenarios/scenario.ts'

/**
 * Whether what came of a schedule is what the contract allows. It knows no schedule: it looks at the calls of all threads, what each gave, and which
 * was over before which began.
 */
export function judge(scenario: Scenario, parts: readonly (readonly Event[])[], end: Outcome): string | undefined {
  const events = parts.flat()
  for (const rule of [unexpected, gathered, whole, ended, counted, seenInTime]) {
    const broken = rule(scenario, events, end, parts)
    if (broken !== undefined) return `${rule.name}: ${broken}\n${JSON.stringify(parts)}`
  }
  return undefined
}

interface Outcome {
  /** Whether a thread was to die. */
  killed: boolean
  /** When it did. */
  diedAt: number
  /** Whether a half was closed, or the pipe aborted. */
  ended: boolean
  /** Bytes by the pipe's own count. */
  written: number
  read: number
}

const EXITED = 'ERR_PIPE_PEER_EXITED'

type Rule = (
  scenario: Scenario,
  events: readonly Event[],
  end: Outcome,
  parts: readonly (readonly Event[])[],
) => string | undefined

const unexpected: Rule = ({ errors = [] }, events, { killed, diedAt }) => {
  const allowed = killed ? [...errors, EXITED] : errors
  const wrong = events.find(({ error }) => error !== undefined && !allowed.includes(error))
  if (wrong !== undefined) return `${wrong.op} threw ${wrong.error}`
  return events.some(({ error, to }) => error === EXITED && to < diedAt) ? 'a false alarm' : undefined
}

/** C1, C6, C15, C18: what reads gave is what writes say was taken, each byte once. */
const gathered: Rule = (scenario, events, { killed }) => {
  const { bits = 6, capacity = 0 } = scenario
  const closedReader = events.some(
    ({ op, half }) => op === 'abort' || (op !== 'write' && op !== 'read' && half === 'reader'),
  )
  const got = new Map<number, number[]>()
  for (const { bytes = [] } of events.filter(({ op }) => op === 'read')) {
    for (const value of bytes) {
      const id = value >> bits
      const list = got.get(id) ?? []
      list.push(value & ((1 << bits) - 1))
      got.set(id, list)
    }
  }
  const writes = new Map(events.filter(({ op }) => op === 'write').map((event) => [event.id as number, event]))
  for (const [id, list] of got) {
    const places = [...list].sort((a, b) => a - b)
    const double = places.find((place, i) => place === places[i + 1])
    if (double !== undefined) return `byte ${double} of write ${id} was read twice`
    const hole = places.findIndex((place, i) => place !== i)
    if (hole >= 0 && !killed) return `byte ${hole} of write ${id} was lost`
    const write = writes.get(id)
    if (write === undefined && !killed) return `bytes of write ${id} were read, but the write never ended`
    const taken = write === undefined ? Infinity : acknowledged(write)
    if (places.length > taken) return `write ${id} says that ${taken} bytes were taken, and ${places.length} were read`
  }
  if (killed) return undefined
  for (const [id, write] of writes) {
    const read = got.get(id)?.length ?? 0
    // What a buffered pipe holds when its reader closes is dropped (C23).
    if (read !== acknowledged(write) && !(capacity > 0 && (closedReader || scenario.leavesBytes === true))) {
      return `write ${id} says that ${acknowledged(write)} bytes were taken, and ${read} were read`
    }
  }
  return undefined
}

/** C2, C3, C4, C19: a rendezvous read is of one write, in one piece, and never less than it could be; buffered writes do not interleave. */
const whole: Rule = ({ bits = 6, capacity = 0, parts: { length } }, events, { killed }) => {
  const reads = events.filter(({ op }) => op === 'read')
  const mask = (1 << bits) - 1
  if (capacity > 0) {
    if (killed || length > 2) return undefined
    const all = reads.flatMap(({ bytes = [] }) => bytes)
    const order = all
      .filter((value, i) => i === 0 || value >> bits !== (all[i - 1] as number) >> bits)
      .map((value) => value >> bits)
    return new Set(order).size === order.length ? undefined : `writes interleave: ${order}`
  }
  for (const { bytes = [], asked = 0, error } of reads) {
    if (bytes.length === 0) continue
    const [first] = bytes as [number]
    const torn = bytes.some((value, i) => value !== ((first & ~mask) | ((first + i) & mask)))
    if (torn) return `a read gave ${bytes}, which is no piece of one write`
    const write = events.find(({ op, id }) => op === 'write' && id === first >> bits)
    const after = (first & mask) + bytes.length
    const could = Math.min(asked, (write === undefined ? after : (write.asked as number)) - (first & mask))
    const wasCut = write?.error !== undefined && acknowledged(write) === after
    if (bytes.length < could && error === undefined && !wasCut)
      return `a read of ${asked} gave ${bytes.length} of ${could} bytes (C4)`
  }
  return undefined
}

/** C9, C12, C17: after an end nothing starts; and no end of file without a close. */
const ended: Rule = ({ capacity = 0 }, events, { killed }) => {
  const ends = events.filter(({ op }) => op === 'close' || op === 'fail' || op === 'abort')
  const cleanly = ends.some(({ op, half }) => op === 'close' && half === 'writer')
  for (const { op, n, error, from, to, asked } of events) {
    if (
      op === 'read' &&
      n === null &&
      !(cleanly && ends.some((end) => end.op === 'close' && end.half === 'writer' && end.from < to))
    ) {
      return 'an end of file without a close of the writer'
    }
    if (op !== 'write' && op !== 'read') continue
    const before = ends.find((end) => end.to < from)
    if (before === undefined) continue
    const drains = op === 'read' && capacity > 0 && before.half === 'writer' && before.op !== 'abort'
    if (error === undefined && n !== null && !drains)
      return `a ${op} of ${asked} began after a ${before.op}, and gave ${n}`
  }
  return killed ||
    ends.length > 0 ||
    events.every(({ error }) => error === undefined || error === 'ERR_PIPE_TIMEOUT' || error === 'ABORT_ERR')
    ? undefined
    : 'an end that nobody has made'
}

/** The pipe's own count of bytes is that of the calls. */
const counted: Rule = (_, events, { killed, written, read }) => {
  if (killed) return undefined
  const sum = (op: Event['op'], of: (event: Event) => number): number =>
    events.filter((event) => event.op === op).reduce((n, event) => n + of(event), 0)
  const [w, r] = [sum('write', acknowledged), sum('read', ({ bytes = [] }) => bytes.length)]
  return w === written && r === read
    ? undefined
    : `the pipe counts ${written} written, ${read} read; the calls say ${w}, ${r}`
}

/** C28: survivors know within 250 ms. The clock stands still but for waits, so that this is what they have waited. */
const seenInTime: Rule = (_, events, { killed, ended }) => {
  if (!killed) return undefined
  if (ended && events.some(({ error, atMs }) => error === 'ERR_PIPE_TIMEOUT' && atMs > 100))
    return 'an end that nobody was told of'
  const late = events.find(({ atMs }) => atMs > 250)
  return late === undefined ? undefined : `a ${late.op} ended after ${late.atMs} ms`
}

function acknowledged({ error, n, progress = 0 }: Event): number {
  return error === undefined ? (n ?? 0) : progress
}
