import { type PipeReader, type PipeWriter, pipe } from '../core.ts'
import type { Actor } from './actor.ts'
import { TOKEN_BYTES } from './chunks.ts'
import type { Control } from './control.ts'
import { ExecActor } from './exec.ts'
import type { PartPlan } from './parts.ts'
import type { Job } from './seat.ts'
import type { PartGauge } from './stats.ts'
import { isStream, SinkActor, SourceActor } from './streams.ts'
import { placeOf, Target } from './target.ts'

/** Who does the work of each part, and the pipes between them. */

export type Pipe = ReturnType<typeof pipe>

/** What one party does: in a thread for stages, in one of this library's own, or in the calling thread's event loop. */
export type Duty =
  | { readonly by: 'stages' | 'own'; readonly job: Job }
  | { readonly by: 'loop'; readonly start: (control: Control) => Actor }

/** A part of a run. */
export interface Member {
  readonly plan: PartPlan
  readonly gauge: PartGauge
  readonly duties: readonly Duty[]
  /** Pipes within the part. */
  readonly inner: readonly Pipe[]
  /** The file that becomes visible at the end. */
  readonly target: Target | undefined
}

type ParallelPlan = Extract<PartPlan, { kind: 'parallel' }>

/** How far ahead of its turn a thread of a `parallel` may work: so many chunks, within these bytes. */
const AHEAD_CHUNKS = 8
const [MIN_AHEAD_BYTES, MAX_AHEAD_BYTES] = [256 * 1024, 8 * 1024 * 1024]
/** Room for the numbers of threads: more than are ever under way. */
const ORDER_BYTES = 64 * 1024

/** How many threads for stages the parts take at the same time. */
export function threadsNeeded(plans: readonly PartPlan[]): number {
  const threads = plans.map((plan) => (plan.kind === 'stage' ? 1 : plan.kind === 'parallel' ? plan.threads : 0))
  return threads.reduce((sum, n) => sum + n, 0)
}

/** The pipes before, between and after the parts. */
export function linksOf(plans: readonly PartPlan[], capacity: number): Pipe[] {
  const before = pipe()
  before.writer.close()
  const after = pipe()
  const name = plans.at(-1)?.name
  after.reader.closeWithError(
    new Error(`nothing takes the output of ${name}: put a toFile, a toFd or another part after it`),
  )
  return [before, ...plans.slice(1).map(() => pipe({ capacity })), after]
}

/** @throws the system's errors, of what is to be read or written */
export function memberOf(plans: readonly PartPlan[], part: number, links: readonly Pipe[]): Member {
  const plan = plans[part] as PartPlan
  const { reader } = links[part] as Pipe
  const next = links[part + 1] as Pipe
  const input = part === 0 ? undefined : reader
  const output = part === plans.length - 1 ? undefined : next.reader
  const gauge = { plan, input, output, endedMs: undefined, innerInputs: [], innerOutputs: [] }
  const member = (threads: number, duty: Duty, target?: Target): Member => {
    return { plan, gauge: { ...gauge, threads }, duties: [duty], inner: [], target }
  }
  switch (plan.kind) {
    case 'stage': {
      const { module, data } = plan
      return member(1, { by: 'stages', job: { kind: 'stage', module, data, input: reader, output: next.writer } })
    }
    case 'parallel': {
      const { duties, turn, order, results } = parallelDuties(plan, reader, next.writer)
      const innerOutputs = results.map(({ reader }) => reader)
      return {
        plan,
        gauge: { ...gauge, threads: plan.threads, innerInputs: [turn.reader], innerOutputs },
        duties,
        inner: [turn, order, ...results],
        target: undefined,
      }
    }
    case 'exec': {
      const task = { part, command: plan.command, args: plan.args, input, output: next.writer }
      return member(0, { by: 'loop', start: (control) => new ExecActor(control, task) })
    }
    case 'fromFd':
    case 'fromFile': {
      const source = plan.at
      if (isStreamAt(source)) {
        return member(0, { by: 'loop', start: (control) => new SourceActor(control, part, source, next.writer) })
      }
      return member(1, { by: 'own', job: { kind: 'read', source, output: next.writer } })
    }
    case 'toFd':
    case 'toFile': {
      const goal = plan.at
      if (isStreamAt(goal)) {
        return member(0, { by: 'loop', start: (control) => new SinkActor(control, part, goal, reader) })
      }
      const target = typeof goal === 'number' ? undefined : targetAt(goal)
      const create = target === undefined ? undefined : { mode: target.mode }
      const job: Job = { kind: 'write', target: target?.part ?? goal, create, input: reader }
      return member(1, { by: 'own', job }, target)
    }
  }
}

function parallelDuties(plan: ParallelPlan, input: PipeReader, output: PipeWriter) {
  const { module, data, threads, chunk } = plan
  const turn = pipe({ capacity: TOKEN_BYTES })
  const order = pipe({ capacity: ORDER_BYTES })
  const ahead = Math.min(Math.max(chunk * AHEAD_CHUNKS, MIN_AHEAD_BYTES), MAX_AHEAD_BYTES)
  const results = Array.from({ length: threads }, () => pipe({ capacity: ahead }))
  // The token of the first chunk.
  turn.writer.writeSync(new Float64Array([0]))
  const duties = results.map(
    ({ writer }, thread): Duty => ({
      by: 'stages',
      job: { kind: 'chunks', module, data, chunk, thread, input, turn, order: order.writer, results: writer },
    }),
  )
  const merge: Job = { kind: 'merge', order: order.reader, results: results.map(({ reader }) => reader), output }
  return { duties: [...duties, { by: 'own' as const, job: merge }], turn, order, results }
}

function isStreamAt(at: string | number): boolean {
  return typeof at === 'number' ? isStream(at) : placeOf(at).kind === 'stream'
}

function targetAt(path: string): Target | undefined {
  const place = placeOf(path)
  if (place.kind === 'new') return new Target(place.path, undefined)
  return place.kind === 'file' ? new Target(place.path, place.mode) : undefined
}
