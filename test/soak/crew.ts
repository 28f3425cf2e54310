import { Worker } from 'node:worker_threads'
import { COMPILED_ARGS, type Compiled } from '../../workers/compile.ts'
import type { SideTask } from './side.ts'
import type { CrewData, CrewMessage, Report } from './worker.ts'

/** How much a thread may hoard before it dies of it, in MiB. */
const HEAP_MB = 48

/** A thread of the crew. */
export class Member {
  readonly worker: Worker
  /** Settles when it has ended, with what ended it. */
  readonly ended: Promise<string>
  readonly ready: Promise<void>
  gone = false
  terminatedAtMs = 0
  #error = ''
  #onReport: ((report: Report | undefined) => void) | undefined
  #onPlea: (() => void) | undefined

  constructor({ root }: Compiled, pool: SharedArrayBuffer) {
    const workerData: CrewData = { pool }
    const resourceLimits = { maxOldGenerationSizeMb: HEAP_MB }
    this.worker = new Worker(new URL('test/soak/worker.js', root), {
      execArgv: COMPILED_ARGS,
      workerData,
      resourceLimits,
    })
    this.worker.unref()
    this.worker.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
    this.ended = new Promise((resolve) => {
      this.worker.once('exit', (code) => {
        this.gone = true
        this.#settle(undefined)
        resolve(this.#error === '' ? `exit code ${code}` : this.#error)
      })
    })
    this.ready = new Promise((resolve) => {
      this.worker.on('message', (message: CrewMessage) => {
        if (message.kind === 'ready') resolve()
        else if (message.kind === 'report') this.#settle(message.report)
        else this.#onPlea?.()
      })
    })
  }

  /** Does a task. @returns undefined if it died over it; `plea` is called if it wants to be terminated */
  run(task: SideTask, plea: () => void): Promise<Report | undefined> {
    if (this.gone) return Promise.resolve(undefined)
    this.worker.ref()
    this.#onPlea = plea
    return new Promise((resolve) => {
      this.#onReport = resolve
      this.worker.postMessage(task)
    })
  }

  terminate(): Promise<number> {
    return this.worker.terminate()
  }

  #settle(report: Report | undefined): void {
    this.#onReport?.(report)
    this.#onReport = undefined
    this.#onPlea = undefined
    this.worker.unref()
  }
}

/** The threads of a soak, used again and again until they are killed. */
export class Crew {
  readonly #compiled: Compiled
  readonly #pool: SharedArrayBuffer
  readonly #idle: Member[] = []
  readonly #all = new Set<Member>()
  started = 0

  constructor(compiled: Compiled, pool: SharedArrayBuffer) {
    this.#compiled = compiled
    this.#pool = pool
  }

  /** How many threads are there. */
  get size(): number {
    return this.#all.size
  }

  async take(): Promise<Member> {
    for (let member = this.#idle.pop(); member !== undefined; member = this.#idle.pop()) {
      if (!member.gone) {
        await member.ready
        return member
      }
    }
    const member = this.#start()
    await member.ready
    return member
  }

  /** Takes a member back; in place of one that has died another one starts, to be there when it is needed. */
  give(member: Member): void {
    this.#idle.unshift(member.gone ? this.#start() : member)
  }

  async dismiss(): Promise<void> {
    await Promise.all([...this.#all].map((member) => member.terminate()))
    await Promise.all([...this.#all].map((member) => member.ended))
  }

  #start(): Member {
    const member = new Member(this.#compiled, this.#pool)
    this.started += 1
    this.#all.add(member)
    member.ended.then(() => this.#all.delete(member))
    return member
  }
}
