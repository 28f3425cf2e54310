import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkObject, describe, type PipeReader, type PipeWriter } from '../core.ts'
import { moduleNameOf, moduleUrlOf } from './modules.ts'

/** What the function of a `stage` is given. */
export interface StageIO<Data = unknown> {
  /** What the part before writes; at its end from the start if there is none. */
  readonly input: PipeReader
  /** What the part after reads. Writing is an error if there is none. */
  readonly output: PipeWriter
  /** The stage's option `data`, as `structuredClone` makes it. */
  readonly data: Data
}

/** The default export of a `stage` module. It may block its thread, or be async. What it returns is in the result. */
export type StageFunction<Data = unknown> = (io: StageIO<Data>) => unknown

/** The default export of a `parallel` module: a chunk in, a chunk out. The chunk is the function's own until it returns. */
export type ParallelFunction<Data = unknown> = (
  chunk: Uint8Array,
  index: number,
  data: Data,
) => Uint8Array | Promise<Uint8Array>

/** What a `stage` may be given. */
export interface StageOptions {
  /** Given to the function; whatever `structuredClone` takes. */
  data?: unknown
  /** What errors and figures call it; the file's name by default. */
  name?: string
}

/** What a `parallel` may be given. */
export interface ParallelOptions extends StageOptions {
  /** How many threads share the chunks; as many as there are cores by default. */
  threads?: number
  /** Bytes of each chunk but the last; 1 MiB by default. */
  chunk?: number
}

/** What an `exec` may be given. */
export interface ExecOptions {
  /** What errors and figures call it; the command's name by default. */
  name?: string
}

/** One link of a pipeline, made by `stage`, `parallel`, `exec`, `fromFile`, `toFile`, `fromFd` or `toFd`. */
export interface Part {
  /** The function that has made it. */
  readonly kind: 'stage' | 'parallel' | 'exec' | 'fromFile' | 'toFile' | 'fromFd' | 'toFd'
  /** What errors and figures call it. */
  readonly name: string
}

/** What is known of a part of each kind. */
export type PartPlan =
  | { readonly kind: 'stage'; readonly name: string; readonly module: string; readonly data: unknown }
  | {
      readonly kind: 'parallel'
      readonly name: string
      readonly module: string
      readonly data: unknown
      readonly threads: number
      readonly chunk: number
    }
  | { readonly kind: 'exec'; readonly name: string; readonly command: string; readonly args: readonly string[] }
  /** `at`: a path, or a descriptor. */
  | { readonly kind: 'fromFile' | 'toFile' | 'fromFd' | 'toFd'; readonly name: string; readonly at: string | number }

/** The parts that were made here: a look-alike is none. */
const plans = new WeakMap<object, PartPlan>()

const CHUNK_BYTES = 1024 * 1024
const MAX_CHUNK_BYTES = 2 ** 30
const MAX_THREADS = 1024
const STANDARD = ['stdin', 'stdout', 'stderr'] as const

/**
 * Makes a part of a module whose default export is a {@link StageFunction}. It runs on a thread of its own, from the first byte to the last.
 *
 * @param module a URL, as `new URL('./filter.js', import.meta.url)`, or a path from the current folder; `.ts` too
 * @throws TypeError for bad arguments. That the module is there, and exports a function, is seen when the pipeline starts
 */
export function stage(module: string | URL, options: StageOptions = {}): Part {
  const url = moduleUrlOf(module)
  checkOptions(options)
  return made({ kind: 'stage', name: nameOf(options, moduleBaseName(url)), module: url, data: options.data })
}

/**
 * Makes a part of a module whose default export is a {@link ParallelFunction}: its input is cut into chunks, which go to `threads` threads, and what
 * these make of them comes out in the order of the chunks. An empty input is one empty chunk.
 *
 * @param options.threads from 1 to 1024; as many as there are cores by default
 * @param options.chunk bytes, from 1 to 1 GiB; 1 MiB by default
 * @throws TypeError, RangeError for bad arguments
 */
export function parallel(module: string | URL, options: ParallelOptions = {}): Part {
  const url = moduleUrlOf(module)
  checkOptions(options)
  return made({
    kind: 'parallel',
    name: nameOf(options, moduleBaseName(url)),
    module: url,
    data: options.data,
    threads: countOf('threads', options.threads ?? availableParallelism(), MAX_THREADS),
    chunk: countOf('chunk', options.chunk ?? CHUNK_BYTES, MAX_CHUNK_BYTES),
  })
}

/**
 * Makes a part of a real child process, whose standard input and output are piped. It fails if the process does, with its exit code and the last of what it
 * wrote to its standard error; but not if it fails because nobody reads its output any more. What it says there is heard only if it fails. It is served by the calling
 * thread's event loop, and ends with the run; of what it has started, all that is in its process group, which is its own.
 *
 * @throws TypeError for bad arguments
 */
export function exec(command: string, args: readonly string[] = [], options: ExecOptions = {}): Part {
  if (typeof command !== 'string' || command === '' || command.includes('\0')) {
    throw new TypeError(`The command must be a string, not ${describe(command)}`)
  }
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string' || arg.includes('\0'))) {
    throw new TypeError(`The arguments of ${command} must be an array of strings`)
  }
  checkOptions(options)
  return made({ kind: 'exec', name: nameOf(options, basename(command)), command, args: [...args] })
}

/** Makes a part that reads a file, as the first of a pipeline. A FIFO is one too. @throws TypeError if that is no path and no file URL */
export function fromFile(path: string | URL): Part {
  const plain = pathOf(path)
  return made({ kind: 'fromFile', name: `from ${basename(plain)}`, at: plain })
}

/**
 * Makes a part that writes a file, as the last of a pipeline. A file is written beside its final place, and moved there when the whole pipeline has
 * succeeded: a failure leaves what was there before. What is no regular file, as a FIFO or a device, is written directly.
 *
 * @throws TypeError if that is no path and no file URL
 */
export function toFile(path: string | URL): Part {
  const plain = pathOf(path)
  return made({ kind: 'toFile', name: `to ${basename(plain)}`, at: plain })
}

/** Makes a part that reads a file descriptor, as the first of a pipeline. It is not closed; a socket is, unless it is standard input. @throws TypeError, RangeError */
export function fromFd(fd: number): Part {
  checkFd(fd)
  return made({ kind: 'fromFd', name: STANDARD[fd] ?? `from fd ${fd}`, at: fd })
}

/**
 * Makes a part that writes to a file descriptor, as the last of a pipeline. It is not closed; a socket is, unless it is standard output or error. That nobody reads there any more
 * (EPIPE) ends it as the end of a stage does: quietly.
 *
 * @throws TypeError, RangeError
 */
export function toFd(fd: number): Part {
  checkFd(fd)
  return made({ kind: 'toFd', name: STANDARD[fd] ?? `to fd ${fd}`, at: fd })
}

/** What is known of the parts of a pipeline, once they can be one. Names are made to differ. @throws TypeError, RangeError */
export function plansOf(parts: readonly Part[]): PartPlan[] {
  if (!Array.isArray(parts)) throw new TypeError(`The parts must be an array, not ${describe(parts)}`)
  if (parts.length === 0) throw new RangeError('A pipeline must have at least 1 part, not 0')
  const seen = new Map<string, number>()
  return parts.map((part, i) => {
    const plan = typeof part === 'object' && part !== null ? plans.get(part) : undefined
    if (plan === undefined) throw new TypeError(`Part ${i} must be a part of a pipeline, not ${describe(part)}`)
    checkPlace(plan, i, parts.length)
    const count = (seen.get(plan.name) ?? 0) + 1
    seen.set(plan.name, count)
    return count === 1 ? plan : { ...plan, name: `${plan.name} (${count})` }
  })
}

/** @throws TypeError where a part cannot do what its place asks for */
function checkPlace({ kind, name }: PartPlan, i: number, count: number): void {
  const source = kind === 'fromFile' || kind === 'fromFd'
  const sink = kind === 'toFile' || kind === 'toFd'
  if (source && i > 0) throw new TypeError(`${kind} must be the first part: nothing can be written to "${name}"`)
  if (sink && i < count - 1) throw new TypeError(`${kind} must be the last part: nothing can be read from "${name}"`)
  if (source && count === 1) throw new TypeError(`${kind} must have a part after it: nothing takes what it reads`)
  if (sink && count === 1) throw new TypeError(`${kind} must have a part before it: there is nothing to write`)
}

function made(plan: PartPlan): Part {
  const part = Object.freeze({ kind: plan.kind, name: plan.name })
  plans.set(part, plan)
  return part
}

function moduleBaseName(moduleUrl: string): string {
  if (!moduleUrl.startsWith('file:')) return `${moduleUrl.slice(0, moduleUrl.indexOf(':'))} module`
  return basename(moduleNameOf(moduleUrl)).replace(/\.[^.]+$/, '')
}

function nameOf(options: { name?: string }, otherwise: string): string {
  const { name = otherwise } = options
  if (typeof name !== 'string' || name === '') throw new TypeError(`The name must be a string, not ${describe(name)}`)
  return name
}

function checkOptions(options: unknown): void {
  checkObject(options, 'options')
}

function countOf(name: 'threads' | 'chunk', value: unknown, high: number): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, not ${describe(value)}`)
  if (!Number.isInteger(value) || value < 1 || value > high) {
    throw new RangeError(`${name} must be a whole number from 1 to ${high}, not ${value}`)
  }
  return value
}

function pathOf(path: unknown): string {
  if (path instanceof URL) return fileURLToPath(path)
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return path
  throw new TypeError(`The path must be a string or a file URL, not ${describe(path)}`)
}

const MAX_DESCRIPTOR = 2 ** 31 - 1

function checkFd(fd: unknown): void {
  if (typeof fd !== 'number') throw new TypeError(`The descriptor must be a number, not ${describe(fd)}`)
  if (!Number.isInteger(fd) || fd < 0 || fd > MAX_DESCRIPTOR) {
    throw new RangeError(`The descriptor must be a whole number from 0 to ${MAX_DESCRIPTOR}, not ${fd}`)
  }
}
