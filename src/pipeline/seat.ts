import type { PipeHandle } from '../core.ts'
import type { ControlHandle } from './control.ts'

/** What a thread is asked to do. */
export type Job = StageJob | ChunksJob | MergeJob | ReadJob | WriteJob

export interface StageJob {
  readonly kind: 'stage'
  readonly module: string
  readonly data: unknown
  readonly input: PipeHandle
  readonly output: PipeHandle
}

/** One of the threads of a `parallel`. */
export interface ChunksJob {
  readonly kind: 'chunks'
  readonly module: string
  readonly data: unknown
  readonly chunk: number
  /** Which of the threads it is. */
  readonly thread: number
  readonly input: PipeHandle
  readonly turn: { readonly reader: PipeHandle; readonly writer: PipeHandle }
  readonly order: PipeHandle
  readonly results: PipeHandle
}

/** What puts the results of a `parallel` together. */
export interface MergeJob {
  readonly kind: 'merge'
  readonly order: PipeHandle
  /** One of each thread. */
  readonly results: readonly PipeHandle[]
  readonly output: PipeHandle
}

export interface ReadJob {
  readonly kind: 'read'
  /** A path to open, or a descriptor that is open. */
  readonly source: string | number
  readonly output: PipeHandle
}

export interface WriteJob {
  readonly kind: 'write'
  /** A path to open, or a descriptor that is open. */
  readonly target: string | number
  /** The file must not be there yet, and gets this mode at its end; undefined = it is written as it is. */
  readonly create: { readonly mode: number | undefined } | undefined
  readonly input: PipeHandle
}

/** The task of one thread of a pool. */
export interface Seat {
  readonly job: Job
  /** The place of its part in the pipeline. */
  readonly part: number
  readonly seat: number
  readonly control: ControlHandle
}

/** What became of it. */
export type Report =
  | { readonly kind: 'returned'; readonly value: unknown }
  /** It ended because nobody reads what it writes, or because the run was called off. */
  | { readonly kind: 'left' }
  /** `derived`: it only tells of another part's end. The error travels as the pipes carry errors. */
  | { readonly kind: 'failed'; readonly error: Uint8Array; readonly derived: boolean }

/** A job in the hands of its thread. */
export interface Work {
  /** Does it, and gives what is returned. */
  run(): unknown
  /** Ends the pipes it holds, after its own end: with an error, or without. */
  end(error?: Error): void
  /** Whether an error that `run` threw is only that nobody reads its output any more. */
  isLeaving(error: unknown): boolean
}
