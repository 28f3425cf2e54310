import type { Piscina } from 'piscina'
import { describe, isError } from '../core.ts'
import type { Actor, Ending, Failure } from './actor.ts'
import { Control, OUTSIDE } from './control.ts'
import { AbortError, errorOf, PipelineError } from './errors.ts'
import { type Member, memberOf, type Pipe, threadsNeeded } from './member.ts'
import type { PartPlan } from './parts.ts'
import { ownPool, reserve, ThreadActor } from './pool.ts'
import { measure, type PipelineStats } from './stats.ts'
import { weigh } from './weight.ts'

/** What a pipeline that has gone well leaves. */
export interface PipelineResult {
  /** What each part returned: that of a `stage` function; undefined for the other parts, and for one that was left early. */
  readonly values: readonly unknown[]
  /** The figures at the end. */
  readonly stats: PipelineStats
  /** From the call of `pipeline` to its end, the start of threads included, in ms. */
  readonly elapsedMs: number
}

const PROGRESS_MS = 200
/** How long what has not failed itself has for its end before it is ended by force, in ms; and how long after an abort. */
const FAILED_GRACE_MS = 250
const ABORTED_GRACE_MS = 40
/** How long a thread may resist that, in ms: within a call of the system it cannot be ended before that returns. */
const STUCK_MS = 1000
/** How long to wait for the first cause when others tell of it already, in ms: neighbours may hear of a death before the calling thread does. */
const CAUSE_MS = 500

/**
 * One run, from its start to its end:
 *
 * - *preparing*: members are made of the plans, and their actors started; each gets ready by itself
 * - *running*: from the opening of the gate
 * - *failing*: `#cause` is set, once. The gate is called off, all pipes are aborted, and what has not ended by then is ended by force
 * - *over*: all actors have ended; files appear, or what there is of them goes, and `finished` settles
 */
export class Run {
  readonly #plans: readonly PartPlan[]
  readonly #links: readonly Pipe[]
  readonly #pool: Piscina | undefined
  readonly #onProgress: ((stats: PipelineStats) => void) | undefined
  readonly #calledMs = performance.now()
  readonly #values: unknown[]
  readonly #timers = new Set<NodeJS.Timeout>()
  readonly #failed = new AbortController()
  #members: Member[] = []
  /** Those of each member that have not ended. */
  #actors: Set<Actor>[] = []
  #control: Control | undefined
  #startedMs: number | undefined
  #endedMs: number | undefined
  #cause: Error | undefined
  /** What only tells of another part's failure, in case that does not come. */
  #hearsay: Error | undefined
  #giveUp: (() => void) | undefined

  constructor(
    plans: readonly PartPlan[],
    links: readonly Pipe[],
    pool: Piscina | undefined,
    onProgress: ((stats: PipelineStats) => void) | undefined,
  ) {
    this.#plans = plans
    this.#links = links
    this.#pool = pool
    this.#onProgress = onProgress
    this.#values = plans.map(() => undefined)
  }

  async execute(signal: AbortSignal | undefined): Promise<PipelineResult> {
    const onAbort = (): void => this.#abort(new AbortError({ cause: signal?.reason }))
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    let giveBack: (() => void) | undefined
    try {
      if (this.#pool !== undefined && this.#cause === undefined) {
        giveBack = await reserve(this.#pool, threadsNeeded(this.#plans), this.#failed.signal)
      }
      if (this.#cause === undefined && this.#prepare()) await this.#live()
      this.#endedMs = performance.now()
      return this.#finish()
    } finally {
      for (const timer of this.#timers) clearTimeout(timer)
      for (const { target } of this.#members) target?.discard()
      signal?.removeEventListener('abort', onAbort)
      giveBack?.()
    }
  }

  stats(): PipelineStats {
    const gauges = this.#members.map(({ gauge }) => gauge)
    // Not from when this thread hears of it: by then a short run may be over.
    this.#startedMs ??= this.#control?.openedMs()
    return measure(gauges, this.#startedMs, this.#endedMs ?? performance.now())
  }

  abort(error?: Error): void {
    if (error !== undefined && !isError(error))
      throw new TypeError(`The error must be an Error, not ${describe(error)}`)
    this.#abort(error ?? new AbortError())
  }

  #abort(error: Error): void {
    if (this.#endedMs !== undefined) return
    // If a part has failed by now, its report is on the way; unless it goes on though it has ended its pipes with an error.
    if (this.#control?.claim(OUTSIDE) === false) this.#after(ABORTED_GRACE_MS, () => this.#fail(error, 0))
    else this.#fail(error, ABORTED_GRACE_MS)
  }

  /** Finds out what each part needs. @returns whether they can be started */
  #prepare(): boolean {
    for (const [i, { name }] of this.#plans.entries()) {
      try {
        this.#members.push(memberOf(this.#plans, i, this.#links))
      } catch (error) {
        this.#fail(new PipelineError(name, i, errorOf(error)), 0)
        return false
      }
    }
    return true
  }

  /** Starts the actors, and waits until all have ended. */
  async #live(): Promise<void> {
    weigh(this.#pipes().map(({ reader }) => reader))
    const duties = this.#members.flatMap((member, part) => member.duties.map((duty) => ({ duty, part })))
    const control = Control.make(duties.length, duties.length)
    this.#control = control
    const givenUp = new Promise<void>((resolve) => {
      this.#giveUp = resolve
    })
    void control.wait().then((open) => {
      if (open) this.#begin()
    })
    this.#actors = this.#members.map(() => new Set())
    const ends = duties.map(({ duty, part }, seat) => {
      const actor =
        duty.by === 'loop'
          ? duty.start(control)
          : new ThreadActor(this.#poolFor(duty.by), control, duty.job, part, seat)
      this.#actors[part]?.add(actor)
      return actor.ended.then((ending) => this.#onEnd(part, actor, ending))
    })
    await Promise.race([Promise.all(ends), givenUp])
  }

  #poolFor(by: 'stages' | 'own'): Piscina {
    return (by === 'stages' ? this.#pool : undefined) ?? ownPool()
  }

  #begin(): void {
    if (this.#onProgress === undefined || this.#cause !== undefined || this.#endedMs !== undefined) return
    const report = (): void => {
      const thrown = this.#report()
      if (thrown !== undefined) this.#abort(thrown)
    }
    this.#timers.add(setInterval(report, PROGRESS_MS).unref())
  }

  /** Tells the caller how far it is. @returns what that threw */
  #report(): Error | undefined {
    try {
      this.#onProgress?.(this.stats())
      return undefined
    } catch (error) {
      return errorOf(error)
    }
  }

  #onEnd(part: number, actor: Actor, ending: Ending): void {
    const actors = this.#actors[part] as Set<Actor>
    actors.delete(actor)
    if (ending.kind === 'failed') this.#onFailure(part, ending)
    else if (ending.kind === 'returned' && ending.value !== undefined) this.#values[part] = ending.value
    if (actors.size > 0) return
    const member = this.#members[part] as Member
    member.gauge.endedMs = performance.now()
    for (const above of this.#actors[part - 1] ?? []) above.leave()
  }

  #onFailure(part: number, { error, derived }: Failure): void {
    const failure = new PipelineError(this.#plans[part]?.name ?? '', part, error)
    const control = this.#control as Control
    // A thread that has died could not claim, or had done so just before.
    if (!derived && (control.isFirst(part) || control.claim(part))) {
      this.#fail(failure, FAILED_GRACE_MS)
    } else if (this.#cause === undefined) {
      this.#hearsay ??= failure
      this.#after(CAUSE_MS, () => this.#fail(this.#blame(failure), FAILED_GRACE_MS))
    }
  }

  /** What others heard of the part that has failed first, and has not said so itself yet, as its own failure. */
  #blame(heard: PipelineError): PipelineError {
    const part = this.#control?.first()
    const plan = part === undefined ? undefined : this.#plans[part]
    return plan === undefined || part === undefined ? heard : new PipelineError(plan.name, part, errorOf(heard.cause))
  }

  /** Ends everything, because of the first cause. */
  #fail(cause: Error, graceMs: number): void {
    if (this.#cause !== undefined) return
    this.#cause = cause
    this.#failed.abort()
    this.#control?.callOff()
    for (const { reader } of this.#pipes()) reader.abort(cause)
    this.#eachActor((actor) => actor.stop())
    this.#after(graceMs, () => {
      this.#eachActor((actor) => actor.kill())
      this.#after(STUCK_MS, () => this.#giveUp?.())
    })
  }

  #pipes(): Pipe[] {
    return [...this.#links, ...this.#members.flatMap(({ inner }) => inner)]
  }

  #eachActor(tell: (actor: Actor) => void): void {
    for (const actors of this.#actors) for (const actor of actors) tell(actor)
  }

  #after(ms: number, then: () => void): void {
    this.#timers.add(setTimeout(then, ms))
  }

  #finish(): PipelineResult {
    const thrown = this.#cause === undefined ? this.#report() : undefined
    const cause = this.#cause ?? this.#hearsay ?? thrown
    if (cause !== undefined) throw cause
    for (const [i, { target }] of this.#members.entries()) {
      try {
        target?.commit()
      } catch (error) {
        throw new PipelineError(this.#plans[i]?.name ?? '', i, errorOf(error))
      }
    }
    return { values: this.#values, stats: this.stats(), elapsedMs: performance.now() - this.#calledMs }
  }
}
