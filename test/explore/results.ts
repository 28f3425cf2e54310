import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Result } from './main.ts'

/** How long the exploring process takes to listen, at most, in ms: it is started before the first test, and may have only what time that leaves. */
const START_MS = 60_000
const RETRY_MS = 100

/** What comes of the tasks of the process that explores beside the tests. */
export class Results {
  readonly #known = new Map<string, Result>()
  readonly #waiting = new Map<string, { resolve(result: Result): void; reject(error: unknown): void }>()
  #failure: unknown

  constructor(path: string) {
    this.#take(path).catch((error: unknown) => {
      this.#failure = error
      for (const { reject } of this.#waiting.values()) reject(error)
    })
  }

  /** What came of a task, when it is done. */
  result(name: string): Promise<Result> {
    return new Promise((resolve, reject) => {
      const known = this.#known.get(name)
      if (known !== undefined) resolve(known)
      else if (this.#failure !== undefined) reject(this.#failure)
      else this.#waiting.set(name, { resolve, reject })
    })
  }

  async #take(path: string): Promise<void> {
    const socket = await connected(path)
    for await (const line of createInterface({ input: socket })) {
      const result = JSON.parse(line) as Result
      this.#known.set(result.name, result)
      this.#waiting.get(result.name)?.resolve(result)
    }
    throw new Error('the exploring process has ended')
  }
}

/** Connects to the exploring process, as soon as it listens. */
export async function connected(path: string): Promise<Socket> {
  for (const endMs = performance.now() + START_MS; ; ) {
    const socket = connect(path)
    try {
      await once(socket, 'connect')
      // The worker of the test runner may end while more comes.
      return socket.unref()
    } catch (error) {
      if (performance.now() > endMs) throw error
      await delay(RETRY_MS)
    }
  }
}
