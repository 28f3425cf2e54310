import { existsSync } from 'node:fs'
import type { Worker, WorkerOptions } from 'node:worker_threads'
import type { PipeHandle, WaitOptions } from 'threadpipe'
import { afterAll, expect } from 'vitest'
import {
  HOLDER_THREAD,
  HOLDER_USES,
  HOLDER_WORDS,
  holderIdentity,
  identityAt,
  READER_HOLDERS,
  WRITER_HOLDERS,
} from '../../src/layout.ts'
import type { ThreadScope } from '../../workers/calls.ts'
import { start } from '../../workers/start.ts'
import { handleOf, PATIENT } from './sides.ts'
import { thread, until } from './threads.ts'

/** Threads that die, and the traces of some that never lived. */

/** How a thread ends. */
export const WAYS = [
  'terminate',
  'process.exit',
  'an uncaught error',
  'an unhandled rejection',
  'out of memory',
  'its natural end',
] as const
export type Way = (typeof WAYS)[number]

/** What a mortal may use beside the library: it stands in the source that the thread compiles. */
export interface Life {
  /** Says that everything is as the test wants it. */
  ready(): void
  /** Blocks until it is told to die; where `terminate` comes instead, for good. */
  park(): void
  /** Whether it has been told to die. */
  told(): boolean
  /** Dies in that way, `afterMs` from now. */
  die(way: Way, afterMs?: number): void
}

const TID = 0
const READY = 1
const TOLD = 2

const LIFE = `(board) => ({
  ready() { Atomics.store(board, ${READY}, 1); Atomics.notify(board, ${READY}) },
  park() { Atomics.wait(board, ${TOLD}, 0) },
  told() { return Atomics.load(board, ${TOLD}) !== 0 },
  die(way, afterMs = 0) {
    Atomics.wait(board, 3, 0, afterMs)
    if (way === 'process.exit') process.exit(3)
    if (way === 'an uncaught error') setImmediate(() => { throw new Error('uncaught') })
    if (way === 'an unhandled rejection') Promise.reject(new Error('unhandled'))
    if (way === 'its natural end') process.getBuiltinModule('node:worker_threads').parentPort.close()
    for (const hog = []; way === 'out of memory'; ) hog.push(new Array(1e5).fill(hog.length + 0.5))
  },
})`

/** A thread that is there to die: it runs one function, for as long as it likes. */
export class Mortal<A> {
  readonly worker: Worker
  readonly #board = new Int32Array(new SharedArrayBuffer(16))

  constructor(body: (scope: ThreadScope, args: A, life: Life) => unknown, args: A, options: WorkerOptions = {}) {
    this.worker = start('./runner.ts', undefined, { stderr: true, ...options })
    this.worker.on('error', () => {})
    this.worker.unref()
    const source = `(scope, { board, args }) => {
      board[${TID}] = Number(process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1))
      return (${body})(scope, args, (${LIFE})(board))
    }`
    this.worker.postMessage({ id: 1, source, args: { board: this.#board, args } })
    mortals.add(this)
  }

  /** The number that the system has for it. */
  get tid(): number {
    return this.#board[TID] as number
  }

  /** Waits until it is as the test wants it. */
  ready(): Promise<void> {
    return until(() => Atomics.load(this.#board, READY) !== 0)
  }

  /** Tells it to go on to its death. */
  tell(): void {
    Atomics.store(this.#board, TOLD, 1)
    Atomics.notify(this.#board, TOLD)
  }

  /** Ends it from outside; takes no turn of the event loop. */
  terminate(): Promise<number> {
    return this.worker.terminate()
  }

  /** Waits until the system has it no more. @returns when, in ms since the epoch */
  async gone(): Promise<number> {
    await until(() => !existsSync(`/proc/self/task/${this.tid}`))
    return nowMs()
  }
}

const mortals = new Set<Mortal<never>>()

/** Ends what a test has left alive. */
export async function endMortals(): Promise<void> {
  await Promise.all([...mortals].map((mortal) => mortal.terminate()))
  mortals.clear()
}

/** A time that threads can compare, in ms. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now()
}

/** How long after a thread's real end its peers learn of it at most (C28), in ms. */
const KNOWN_MS = 250
/** What a machine with more to do than cores may add, in ms. */
const NOISE_MS = 2500

const delays: number[] = []

/** Checks when a survivor learned of a death, and notes it. */
export function expectInTime(goneMs: number, learnedMs: number): void {
  const delayMs = learnedMs - goneMs
  delays.push(delayMs)
  expect(delayMs).toBeLessThan(KNOWN_MS + NOISE_MS)
}

/** Checks the times of all deaths so far: single ones may be late where the machine is busy, most may not. */
export function expectMostInTime(): void {
  const sorted = delays.toSorted((a, b) => a - b)
  const at = (part: number): number => Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0)
  console.log(
    `${sorted.length} deaths were known after ${at(0.5)} ms (median), ${at(0.9)} ms (90 %), ${at(1)} ms (all)`,
  )
  expect(at(0.5)).toBeLessThan(KNOWN_MS)
}

afterAll(endMortals)

/** What a survivor of a death gets. */
export const PEER_EXITED = { name: 'PipeError', code: 'ERR_PIPE_PEER_EXITED' }

/** What an awaited call of this thread came to, and when. */
export async function outcome(call: Promise<unknown>): Promise<{ value: unknown; atMs: number }> {
  try {
    return { value: await call, atMs: nowMs() }
  } catch (error) {
    const { code, bytesRead, bytesWritten } = error as Record<string, unknown>
    return { value: { code, bytesRead, bytesWritten }, atMs: nowMs() }
  }
}

/** What a blocking call of another thread comes to, and when. */
export function blocking(
  half: PipeHandle,
  bytes: number,
  timeout = PATIENT.timeout,
  by = thread(),
): Promise<{ value: unknown; atMs: number }> {
  return by.run(
    ({ PipeReader, PipeWriter }, { handle, bytes, options }) => {
      const now = () => performance.timeOrigin + performance.now()
      const view = new Uint8Array(bytes)
      try {
        const value =
          handle.half === 'reader'
            ? PipeReader.from(handle).readSync(view, options)
            : PipeWriter.from(handle).writeSync(view, options)
        return { value: value as unknown, atMs: now() }
      } catch (error) {
        const { code, bytesRead, bytesWritten } = error as Record<string, unknown>
        return { value: { code, bytesRead, bytesWritten } as unknown, atMs: now() }
      }
    },
    { handle: handleOf(half), bytes, options: { timeout } as WaitOptions },
  )
}

/** A thread as the system and the library know it. */
export interface Ghost {
  id: number
  start: number
  thread: number
}

/** No thread of the system has this number: it is above all that Linux gives. */
export const NO_TID = 2 ** 30

/** Enters a thread in a slot as if it held the half. */
export function haunt({ memory, half }: PipeHandle, slot: number, ghost: Ghost, uses = 1): void {
  const words = new Int32Array(memory)
  const holder = (half === 'writer' ? WRITER_HOLDERS : READER_HOLDERS) + slot * HOLDER_WORDS
  words[holder + HOLDER_THREAD] = ghost.thread
  words[holder + HOLDER_USES] = uses
  Atomics.store(new BigInt64Array(memory), identityAt(holder), holderIdentity(ghost.id, ghost.start))
}
