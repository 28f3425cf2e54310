import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { copy, PipeError, type PipeReader, type PipeWriter } from '../core.ts'
import { type Actor, type Ending, failure } from './actor.ts'
import type { Control } from './control.ts'
import { AbortError, ExecError, errorOf } from './errors.ts'
import { atExit } from './exit.ts'
import { writeOut } from './streams.ts'

/** How much of what a child process writes to its standard error an error carries, in characters. */
const MAX_COMPLAINT = 1000
/** How long after the end of a child, and of its output, what else it has to say is waited for, in ms. */
const COMPLAINT_MS = 100
/** A process group of its own, so that what it has started ends with it. */
const OWN_GROUP = process.platform !== 'win32'

export interface ExecTask {
  readonly part: number
  readonly command: string
  readonly args: readonly string[]
  /** undefined = it comes first, and has no input */
  readonly input: PipeReader | undefined
  readonly output: PipeWriter
}

type Child = ChildProcessByStdio<Writable | null, Readable, Readable>

/** A child process between two pipes. */
export class ExecActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #control: Control
  readonly #task: ExecTask
  #child: Child | undefined
  #complaint = ''
  #left = false
  #stopped = false
  /** The child has ended, and so has everything that had its streams. */
  #closed = false

  constructor(control: Control, task: ExecTask) {
    this.#control = control
    this.#task = task
    this.ended = this.#live().catch((error) => failure(control, task.part, errorOf(error)))
  }

  leave(): void {
    this.#left = true
    // Its next write fails, as in a shell.
    this.#child?.stdout.destroy()
  }

  stop(): void {
    this.#stopped = true
    this.#signal('SIGTERM')
  }

  kill(): void {
    this.#stopped = true
    this.#signal('SIGKILL')
    // A process that has left the group may still hold the other ends.
    for (const stream of [this.#child?.stdin, this.#child?.stdout, this.#child?.stderr]) stream?.destroy()
  }

  async #live(): Promise<Ending> {
    const child = await this.#start()
    const forget = atExit(() => this.#signal('SIGKILL'))
    try {
      const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
      const closed = once(child, 'close')
      this.#control.ready()
      if (this.#stopped) this.#signal('SIGTERM')
      if (await this.#control.wait()) return await this.#join(child, exited, closed)
      this.#signal('SIGKILL')
      await closed
      return { kind: 'left' }
    } finally {
      forget()
    }
  }

  async #start(): Promise<Child> {
    const { command, args, input } = this.#task
    const child = spawn(command, args, {
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: OWN_GROUP,
    }) as Child
    try {
      await once(child, 'spawn')
    } catch (error) {
      throw notStarted(command, error as NodeJS.ErrnoException)
    }
    this.#child = child
    child.on('error', () => {})
    child.on('close', () => {
      this.#closed = true
    })
    child.stdin?.on('error', () => {})
    // Of a child that has exited Node throws away what nobody has begun to read: it may do so before the pipeline has begun.
    child.stdout.on('readable', () => {})
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-MAX_COMPLAINT)
    })
    return child
  }

  async #join(
    child: Child,
    exited: Promise<[number | null, NodeJS.Signals | null]>,
    closed: Promise<unknown>,
  ): Promise<Ending> {
    const { input, output, part } = this.#task
    const fed = child.stdin === null || input === undefined ? undefined : this.#feed(input, child.stdin)
    const drained = copy(output, child.stdout).then(
      () => undefined,
      (error: unknown) => {
        child.stdout.destroy()
        return errorOf(error)
      },
    )
    const [exitCode, signal] = await exited
    // It may leave early, as `head` does: that is no failure.
    input?.close()
    const [feedError, drainError] = await Promise.all([fed, drained])
    // As in a shell, who has nothing but its standard error is not waited for.
    await Promise.race([closed, delay(COMPLAINT_MS, undefined, { ref: false })])
    child.stderr.destroy()
    if (this.#stopped || feedError !== undefined) {
      const error = feedError ?? drainError ?? new AbortError()
      output.abort(error)
      return { kind: 'failed', error, derived: true }
    }
    if (this.#left || isClosed(drainError)) {
      output.close()
      return { kind: 'left' }
    }
    const error = drainError ?? (exitCode === 0 ? undefined : new ExecError(exitCode, signal, this.#complaint.trim()))
    if (error === undefined) {
      output.close()
      return { kind: 'returned', value: undefined }
    }
    const ending = failure(this.#control, part, error)
    output.abort(error)
    return ending
  }

  /** Copies the input into the child's. @returns the error of the pipe, if that is what ended it */
  async #feed(input: PipeReader, stdin: Writable): Promise<Error | undefined> {
    try {
      if (await writeOut(input, stdin)) stdin.end()
      return undefined
    } catch (error) {
      // The child had ended, and the input was closed.
      if (isClosed(errorOf(error))) return undefined
      // Not the end of the file: it must not take what it has for all.
      this.#signal('SIGTERM')
      return errorOf(error)
    }
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid, exitCode, signalCode } = this.#child ?? {}
    if (pid === undefined || this.#closed) return
    try {
      // What it has started may go on when it has ended itself.
      if (OWN_GROUP) process.kill(-pid, signal)
      else if (exitCode === null && signalCode === null) process.kill(pid, signal)
    } catch {
      // It has ended just now.
    }
  }
}

function isClosed(error: Error | undefined): boolean {
  return error instanceof PipeError && error.code === 'ERR_PIPE_CLOSED'
}

const WHY: Record<string, string> = { ENOENT: 'command not found', EACCES: 'permission denied' }

function notStarted(command: string, cause: NodeJS.ErrnoException): Error {
  const why = WHY[cause.code ?? ''] ?? cause.message
  return Object.assign(new Error(`cannot start ${command}: ${why}`, { cause }), { code: cause.code })
}
