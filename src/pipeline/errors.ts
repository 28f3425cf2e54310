import { isError, PipeError } from '../core.ts'

/** What a failed pipeline rejects with: it names the part that failed first, and has what that part threw as its `cause`. */
export class PipelineError extends Error {
  /** The name of the part. */
  readonly part: string
  /** The place of the part in the pipeline, from 0. */
  readonly index: number
  /** The cause's own code, if it has one: `ENOENT`, `ERR_PIPE_CLOSED`... */
  readonly code: string | undefined

  constructor(part: string, index: number, cause: Error) {
    super(`${part}: ${cause.message}`, { cause })
    this.part = part
    this.index = index
    const { code } = cause as NodeJS.ErrnoException
    this.code = typeof code === 'string' ? code : undefined
  }

  static {
    Object.defineProperty(PipelineError.prototype, 'name', {
      value: 'PipelineError',
      configurable: true,
      writable: true,
    })
  }
}

/** Tells how a child process has failed. */
export class ExecError extends Error {
  /** Its exit code; null if a signal ended it. */
  readonly exitCode: number | null
  /** The signal that ended it; null if it exited by itself. */
  readonly signal: NodeJS.Signals | null
  /** The last of what it wrote to its standard error. */
  readonly stderr: string

  constructor(exitCode: number | null, signal: NodeJS.Signals | null, stderr: string) {
    const end = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`
    super(stderr === '' ? end : `${end}: ${stderr}`)
    this.exitCode = exitCode
    this.signal = signal
    this.stderr = stderr
  }

  static {
    Object.defineProperty(ExecError.prototype, 'name', { value: 'ExecError', configurable: true, writable: true })
  }
}

/** What a pipeline rejects with that was called off through its `signal`, or by `abort()` without an error: named and coded as Node names its own. */
export class AbortError extends Error {
  /** What Node gives its own. */
  readonly code = 'ABORT_ERR'

  constructor(options?: ErrorOptions) {
    super('The pipeline was aborted', options)
  }

  static {
    Object.defineProperty(AbortError.prototype, 'name', { value: 'AbortError', configurable: true, writable: true })
  }
}

const MAX_CAUSES = 16

/** Whether an error only tells that another thread has died: itself, or in what has caused it. */
export function tellsOfDeath(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < MAX_CAUSES && isError(at); depth += 1) {
    if (at instanceof PipeError && at.code === 'ERR_PIPE_PEER_EXITED') return true
    at = at.cause
  }
  return false
}

/** What was thrown, as an error. */
export function errorOf(thrown: unknown): Error {
  if (isError(thrown)) return thrown
  return new Error(`threw what is no error: ${typeof thrown === 'string' ? thrown : String(thrown)}`)
}

/** The error that a folder stands where a file is due. */
export function directoryError(path: string): Error {
  return Object.assign(new Error(`EISDIR: ${path} is a directory`), { code: 'EISDIR', path })
}
