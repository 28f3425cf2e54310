import fc from 'fast-check'
import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { BufferedModel } from './buffered-model.ts'
import { Lane } from './lane.ts'
import { type Call, CLOSED, type Ends, type Model } from './model-call.ts'
import { addAll, count, FuzzFailure, type FuzzOptions, type FuzzResult, type Outcomes } from './part.ts'
import { RendezvousModel } from './rendezvous-model.ts'

/** Random calls, blocking and awaited, from several threads at once, and what the contract makes of them beside the pipe. */

const CASES_PER_LANE = 1000
const MAX_LANES = 3
const MAX_COMMANDS = 20
/**
 * A match that has not gone on for so long is left at a time-out, in the middle (deadline.ts): with threads that do not get to run for that time,
 * the model does not know how far it came.
 */
const STALL_MS = 250
/** How long a failure is made smaller: each try may hang, and needs new threads. */
const SHRINK_MS = 40_000
const CALLS_TO_AN_END = 16

const RENDEZVOUS = [{ window: 64 }, { window: 1000 }, { window: 65_536 }]
const BUFFERED = [{ capacity: 1 }, { capacity: 7 }, { capacity: 100 }, { capacity: 5000 }]
const kinds = fc.constantFrom<{ window?: number; capacity?: number }>(...RENDEZVOUS, ...BUFFERED)

interface Real {
  lane: Lane
  reader: PipeReader
  writer: PipeWriter
  outcomes: Outcomes
}

/** What is the same in both models: who is busy, and what has ended. */
interface Course {
  model: Model
  lane: Lane
  buffered: boolean
  /** The largest write in place. */
  limit: number
  ends: Ends
  lastId: number
}

class StalledError extends Error {}

type CallShape = Omit<Call, 'id'>
type Command = fc.AsyncCommand<Course, Real>

class CallCommand implements Command {
  readonly #shape: CallShape

  constructor(shape: CallShape) {
    this.#shape = shape
  }

  check({ lane, buffered }: Course): boolean {
    return lane.free(this.#shape.half, buffered) !== undefined
  }

  async run(course: Course, real: Real): Promise<void> {
    const { half, kind, size } = this.#shape
    const limited = half === 'writer' && kind === 'in place' ? size % (course.limit + 1) : size
    course.lastId += 1
    const call = { ...this.#shape, id: course.lastId, size: limited }
    lookAtReplies(course, real)
    course.model.begin(call)
    course.lane.free(half, course.buffered)?.make(call)
    await settle(course, real)
  }

  toString(): string {
    const { half, kind, awaited, size, timeout, signal } = this.#shape
    return `${half} ${kind} ${size}${awaited ? ' awaited' : ''}${timeout === undefined ? '' : ` within ${timeout}`}${signal ? ' with signal' : ''}`
  }
}

class CancelCommand implements Command {
  readonly #which: number

  constructor(which: number) {
    this.#which = which
  }

  check({ lane }: Course): boolean {
    return lane.on.some(({ signal }) => signal)
  }

  async run(course: Course, real: Real): Promise<void> {
    const withSignal = course.lane.on.filter(({ signal }) => signal)
    const { id } = withSignal[this.#which % withSignal.length] as Call
    lookAtReplies(course, real)
    if (!course.lane.on.some((call) => call.id === id)) return
    course.model.cancel(id)
    course.lane.cancel(id)
    await settle(course, real)
  }

  toString(): string {
    return `cancel ${this.#which}`
  }
}

class EndCommand implements Command {
  readonly #what: 'writer' | 'reader' | 'abort'
  readonly #error: string | undefined

  constructor(what: 'writer' | 'reader' | 'abort', error: string | undefined) {
    this.#what = what
    this.#error = error
  }

  check(): boolean {
    return true
  }

  async run(course: Course, real: Real): Promise<void> {
    lookAtReplies(course, real)
    endNow(course, real, this.#what, this.#error)
    await settle(course, real)
  }

  toString(): string {
    return `end ${this.#what} ${this.#error ?? ''}`
  }
}

/** The first end of each half counts (C13). */
function endNow(course: Course, real: Real, what: 'writer' | 'reader' | 'abort', error: string | undefined): void {
  const said = error ?? (what === 'abort' ? 'aborted' : undefined)
  if (what === 'abort') real.reader.abort(new Error(said))
  else if (said === undefined) real[what].close()
  else real[what].closeWithError(new Error(said))
  course.ends = { [what]: said ?? CLOSED, ...course.ends }
  course.model.end(course.ends)
}

function lookAtReplies({ model, lane }: Course, { outcomes }: Real): void {
  const on = lane.on
  for (const reply of lane.taken()) {
    const allowed = model.reply(reply)
    const call = on.find(({ id }) => id === reply.id)
    if (allowed !== undefined) {
      if (reply.ms >= STALL_MS) throw new StalledError()
      const gave = 'failed' in reply ? JSON.stringify(reply) : `${reply.n}: ${reply.bytes?.subarray(0, 16)}`
      throw new Error(`${JSON.stringify(call)} gave ${gave}; the contract allows ${allowed}`)
    }
    count(outcomes, `${call?.half}: ${'failed' in reply ? reply.failed : reply.n === null ? 'end' : 'done'}`)
  }
}

/** Waits until no call is left that must be over, and looks at what came. */
async function settle(course: Course, real: Real): Promise<void> {
  for (;;) {
    lookAtReplies(course, real)
    const due = course.model.due()
    if (due.length === 0) return
    await course.lane.settled(due)
  }
}

const call: fc.Arbitrary<Command> = fc
  .record({
    half: fc.constantFrom('reader' as const, 'writer' as const),
    kind: fc.constantFrom('plain' as const, 'plain' as const, 'pieces' as const, 'in place' as const, 'next' as const),
    awaited: fc.boolean(),
    size: fc.oneof(fc.nat(9), fc.constantFrom(63, 64, 65, 100), fc.nat(300), fc.nat(12_000)),
    timeout: fc.constantFrom(undefined, undefined, undefined, 0, 2),
    signal: fc.boolean(),
  })
  .map(({ half, kind, awaited, size, timeout, signal }) => {
    const reads = half === 'reader'
    const known = reads && kind === 'pieces' ? 'next' : !reads && kind === 'next' ? 'plain' : kind
    const inPlace = reads && known === 'in place'
    return new CallCommand({
      half,
      kind: known,
      awaited,
      // A read in place consumes some bytes, so that the model stays small.
      size: inPlace ? 1 + (size % 4) : size,
      timeout: known === 'next' ? undefined : timeout,
      signal: awaited && known !== 'next' && signal,
    })
  })

const end: fc.Arbitrary<Command> = fc
  .record({
    what: fc.constantFrom('writer' as const, 'reader' as const, 'writer' as const, 'abort' as const),
    error: fc.constantFrom(undefined, 'one', 'two'),
  })
  .map(({ what, error }) => new EndCommand(what, error))

const cancel: fc.Arbitrary<Command> = fc.nat(3).map((which) => new CancelCommand(which))

function scripts(replayPath: string | undefined): fc.Arbitrary<Iterable<Command>> {
  // Each is as likely as another: ends are rare beside calls.
  return fc.commands([...Array<typeof call>(CALLS_TO_AN_END).fill(call), cancel, cancel, end], {
    maxCommands: MAX_COMMANDS,
    size: 'max',
    ...(replayPath === undefined ? {} : { replayPath }),
  })
}

export async function fuzzModel({ cases, seed, path }: FuzzOptions): Promise<FuzzResult> {
  const lanes = path === undefined ? Math.min(MAX_LANES, Math.ceil(cases / CASES_PER_LANE)) : 1
  const outcomes: Outcomes = {}
  // A failing lane must not leave the others behind.
  const results = await Promise.allSettled(
    Array.from({ length: lanes }, (_, i) => runLane({ cases: Math.floor((cases + i) / lanes), seed: seed + i, path })),
  )
  for (const result of results) {
    if (result.status === 'rejected') throw result.reason
    addAll(outcomes, result.value)
  }
  return { cases, outcomes }
}

async function runLane({ cases, seed, path }: FuzzOptions): Promise<Outcomes> {
  const outcomes: Outcomes = {}
  // As it is printed: where fast-check was, and which commands of it were run.
  const [where, replayPath] = path?.split(' ') ?? []
  let lane = new Lane()
  let shrinkUntilMs = Infinity
  const property = fc.asyncProperty(kinds, scripts(replayPath), async (kind, commands) => {
    if (performance.now() > shrinkUntilMs) return
    try {
      await runCase(lane, kind, commands, outcomes)
    } catch (error) {
      shrinkUntilMs = Math.min(shrinkUntilMs, performance.now() + SHRINK_MS)
      // Its threads may hang, or have calls on that nobody waits for.
      await lane.end()
      lane = new Lane()
      throw error
    }
  })
  try {
    const details = await fc.check(property, { seed, numRuns: cases, ...(where === undefined ? {} : { path: where }) })
    if (!details.failed) return outcomes
    const commands = /replayPath="([^"]*)"/.exec(String(details.counterexample?.[1]))?.[1] ?? ''
    const what = `${fc.defaultReportMessage(details)}\n${details.errorInstance}`
    throw new FuzzFailure('model', what, `--seed ${seed} --path '${details.counterexamplePath} ${commands}'`)
  } finally {
    await lane.end()
  }
}

async function runCase(
  lane: Lane,
  kind: { window?: number; capacity?: number },
  commands: Iterable<Command>,
  outcomes: Outcomes,
): Promise<void> {
  const { capacity = 0 } = kind
  const halves = pipe({ ...kind, errorBytes: 512 })
  const real: Real = { lane, outcomes, ...halves }
  const course: Course = {
    model: capacity > 0 ? new BufferedModel(capacity) : new RendezvousModel(),
    lane,
    buffered: capacity > 0,
    limit: kind.window ?? capacity,
    ends: {},
    lastId: 0,
  }
  await lane.open(halves)
  try {
    await fc.asyncModelRun(() => ({ model: course, real }), commands)
  } catch (error) {
    if (!(error instanceof StalledError)) throw error
    count(outcomes, 'left, since a match stalled')
    await leave(real)
    return
  }
  // Whatever is still on, an end is the end of it (C16).
  endNow(course, real, 'writer', undefined)
  endNow(course, real, 'reader', undefined)
  await settle(course, real)
  if (lane.on.length > 0) throw new Error(`still on after the end: ${JSON.stringify(lane.on)}`)
  const { bytesWritten, bytesRead } = halves.reader.stats()
  const total = course.model.total()
  if (bytesWritten !== total) throw new Error(`stats say that ${bytesWritten} bytes were written; ${total} were`)
  if (capacity === 0 && bytesRead !== total)
    throw new Error(`stats say that ${bytesRead} bytes were read; ${total} were`)
}

/** Ends a case that nothing more can be said about. */
async function leave({ lane, reader, writer }: Real): Promise<void> {
  writer.close()
  reader.close()
  for (; lane.on.length > 0; lane.taken()) await lane.settled(lane.on.map(({ id }) => id))
}
