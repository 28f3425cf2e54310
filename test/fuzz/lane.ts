import type { Worker } from 'node:worker_threads'
import type { PipeHandle, PipeReader, PipeWriter } from 'threadpipe'
import { start } from '../../workers/start.ts'
import type { Call, Order, Reply } from './model-call.ts'

/** Longer than any call that is due may take. */
const HANG_MS = 10_000
const WRITERS = 2
const READERS = 2

/** The threads that make the calls of one model run after the other, and their replies. */
export class Lane {
  readonly #threads: LaneThread[]

  constructor() {
    this.#threads = Array.from({ length: WRITERS + READERS }, () => new LaneThread())
  }

  /** Threads of a half that have no call on; the first of them only, where order matters. */
  free(half: 'reader' | 'writer', single: boolean): LaneThread | undefined {
    const all = half === 'writer' ? this.#threads.slice(0, WRITERS) : this.#threads.slice(WRITERS)
    return (single ? all.slice(0, 1) : all).find(({ call }) => call === undefined)
  }

  /** Gives a new pipe to all threads, once they have started. */
  async open({ reader, writer }: { reader: PipeReader; writer: PipeWriter }): Promise<void> {
    await Promise.all(this.#threads.map(({ started }) => started))
    const handleOf = ({ memory, half }: PipeHandle): PipeHandle => ({ memory, half })
    const handles = { reader: handleOf(reader), writer: handleOf(writer) }
    for (const thread of this.#threads) thread.give({ handles })
  }

  /** The calls that are on, or whose replies were not looked at. */
  get on(): Call[] {
    return this.#threads.map(({ call }) => call).filter((call) => call !== undefined)
  }

  cancel(id: number): void {
    this.#threads.find(({ call }) => call?.id === id)?.give({ cancel: id })
  }

  /** The replies that have come, in any order. */
  taken(): Reply[] {
    return this.#threads.map((thread) => thread.take()).filter((reply) => reply !== undefined)
  }

  /** Waits until one of these calls has replied. */
  async settled(ids: number[]): Promise<void> {
    const waits = this.#threads.filter(({ call }) => call !== undefined && ids.includes(call.id))
    let timer: ReturnType<typeof setTimeout> | undefined
    const hung = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const calls = waits.map(({ call }) => JSON.stringify(call))
        reject(new Error(`calls hang that nothing keeps from being over: ${calls}`))
      }, HANG_MS)
    })
    try {
      await Promise.race([hung, ...waits.map((thread) => thread.replied)])
    } finally {
      clearTimeout(timer)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.end()))
  }
}

class LaneThread {
  readonly #worker: Worker = start('../test/fuzz/model-thread.ts')
  #reply: Reply | undefined
  #resolve: () => void = () => {}
  #reject: (error: unknown) => void = () => {}
  call: Call | undefined
  readonly started: Promise<void>
  /** Of the call that is on. */
  replied = Promise.resolve()

  constructor() {
    this.started = new Promise((resolve, reject) => {
      this.#worker.once('error', reject)
      this.#worker.once('message', () => {
        resolve()
        this.#worker.on('message', (reply: Reply) => this.#replied(reply))
      })
    })
    this.started.catch(() => {})
    this.#worker.on('error', (error) => this.#reject(error))
  }

  #replied(reply: Reply): void {
    this.#reply = reply
    this.#resolve()
  }

  give(order: Order): void {
    this.#worker.postMessage(order)
  }

  make(call: Call): void {
    this.call = call
    this.replied = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.replied.catch(() => {})
    this.give({ call })
  }

  take(): Reply | undefined {
    const reply = this.#reply
    if (reply === undefined) return undefined
    this.#reply = undefined
    this.call = undefined
    return reply
  }

  end(): Promise<number> {
    return this.#worker.terminate()
  }
}
