import type { Call, ErrorDescription, Reply, ThreadScope } from '../../workers/calls.ts'

/** Calls of functions in other threads, with no test runner in sight: for every runtime. */

/** The line to one thread that runs `workers/calls`. */
export interface Line {
  post(call: Call): void
  /** Says who is told of each reply, and of its end or failure. */
  listen(onReply: (reply: Reply) => void, onEnd: (error: Error) => void): void
  terminate(): unknown
}

/** Every call to a thread ends within this, or the thread is ended and the call fails. */
const LIMIT_MS = 15_000

/** What a call in a thread threw, as that thread saw it. */
export class ThreadError extends Error {
  readonly thrown: ErrorDescription

  constructor(thrown: ErrorDescription) {
    super(`${thrown.name}: ${thrown.message}\n${thrown.stack}`)
    this.thrown = thrown
  }
}

/** A worker thread that runs functions. They see only their two parameters. */
export class Thread {
  readonly #line: Line
  readonly #calls = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  #lastId = 0
  #ended = false

  constructor(line: Line) {
    this.#line = line
    line.listen(
      (reply) => {
        const call = this.#calls.get(reply.id)
        this.#calls.delete(reply.id)
        if ('error' in reply) call?.reject(new ThreadError(reply.error))
        else call?.resolve(reply.value)
      },
      (error) => this.#fail(error),
    )
  }

  /** Whether the next test can have it. */
  get usable(): boolean {
    return this.#calls.size === 0 && !this.#ended
  }

  run<A, R>(body: (scope: ThreadScope, args: A) => R, args: A): Promise<Awaited<R>> {
    this.#lastId += 1
    const id = this.#lastId
    const source = body.toString()
    const result = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject }))
    const timer = setTimeout(() => {
      this.#fail(new Error(`a call in a thread did not end within ${LIMIT_MS} ms: ${source.slice(0, 300)}`))
      void this.terminate()
    }, LIMIT_MS)
    this.#line.post({ id, source, args })
    const ended = result.finally(() => clearTimeout(timer))
    // A test may look at the result later, or fail before it does.
    ended.catch(() => {})
    return ended as Promise<Awaited<R>>
  }

  async terminate(): Promise<void> {
    // First, since not every kind of thread tells of its end.
    this.#fail(new Error('the thread was terminated'))
    await this.#line.terminate()
  }

  #fail(error: Error): void {
    this.#ended = true
    for (const { reject } of this.#calls.values()) reject(error)
    this.#calls.clear()
  }
}

/** What a promise that must fail throws. */
export async function failureOf(promise: Promise<unknown>): Promise<ErrorDescription> {
  try {
    const value = await promise
    throw new Error(`must fail, but gave ${JSON.stringify(value)}`)
  } catch (error) {
    if (error instanceof ThreadError) return error.thrown
    throw error
  }
}

/** Waits until a condition on shared state holds. */
export async function until(condition: () => boolean): Promise<void> {
  const limit = performance.now() + LIMIT_MS
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`this did not come true within ${LIMIT_MS} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}
