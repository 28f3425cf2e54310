import type { Kind } from '../../workers/calls.ts'
import { type Line, Thread } from '../support/caller.ts'
import { Side } from '../support/sides.ts'

/** What a runtime lends the conformance suite. Nothing here, or in the cases, is of one runtime alone. */
export interface Runtime {
  readonly name: 'Node' | 'Deno' | 'Bun' | 'browser'
  readonly threads: 'node:worker_threads' | 'web'
  /** Whether its main thread may block. */
  readonly mainMayBlock: boolean
  /** Whether a thread can see by itself that another is dead: where Linux shows the threads of a process. */
  readonly seesDeaths: boolean
  startThread(options?: ThreadOptions): Line
}

export interface ThreadOptions {
  /** Memory that the thread may use, in MiB. */
  memoryMib?: number
}

/** What callers use of the package: a column each in the table of what works where. */
export type Feature =
  | 'blocking'
  | 'blocking on the main thread'
  | 'awaiting'
  | 'ends and errors'
  | 'in place'
  | 'deaths'
  | 'web streams'
  | 'Node streams and files'
  | 'pipelines'

/** A rule of the contract, or what a runtime is known to lack, as a program that holds it against the runtime. */
export interface Case {
  /** Begins with the rule of the contract that it holds. */
  readonly name: string
  readonly features: readonly Feature[]
  /**
   * Throws where the rule does not hold. A runtime that is known not to keep it is held to what it does instead.
   *
   * @returns words for what the runtime lacks, if that is so
   */
  run(bench: Bench): Promise<Limit | undefined>
}

/** What a runtime lacks, in words that fit a footnote. */
export type Limit = string

/** Lends threads to one case after the other. */
export class Bench {
  readonly runtime: Runtime
  readonly #idle: Thread[] = []
  readonly #lent: Thread[] = []
  readonly #mortals: Thread[] = []

  constructor(runtime: Runtime) {
    this.runtime = runtime
  }

  /** Lends a thread until the end of the case. */
  thread(): Thread {
    const thread = this.#idle.pop() ?? new Thread(this.runtime.startThread())
    this.#lent.push(thread)
    return thread
  }

  threads(count: number): Thread[] {
    return Array.from({ length: count }, () => this.thread())
  }

  /** A thread of this case's own, which may die. */
  mortal(options?: ThreadOptions): Thread {
    const thread = new Thread(this.runtime.startThread(options))
    this.#mortals.push(thread)
    return thread
  }

  side(kind: Kind): Side {
    return new Side(this.thread(), kind)
  }

  /** Takes back what a case was lent; a thread that is still busy is ended. */
  async tidy(): Promise<void> {
    await Promise.all(this.#mortals.splice(0).map((thread) => thread.terminate()))
    for (const thread of this.#lent.splice(0)) {
      if (thread.usable) this.#idle.push(thread)
      else await thread.terminate()
    }
  }

  async end(): Promise<void> {
    await this.tidy()
    await Promise.all(this.#idle.splice(0).map((thread) => thread.terminate()))
  }
}

/** The features that a case of both kinds of calls is about. */
export const EITHER = ['blocking', 'awaiting'] as const

/** The feature of one kind of calls. */
export function featureOf(kind: Kind): Feature {
  return kind === 'blocking' ? 'blocking' : 'awaiting'
}
