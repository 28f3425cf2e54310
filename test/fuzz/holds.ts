import { type PipeHandle, pipe } from 'threadpipe'
import {
  CLOSED,
  ENDED,
  HANDOFF,
  LENT,
  OFFERED,
  READ_LOCK,
  READER_DONE,
  READER_EVENT,
  TAKING,
  WRITE_LOCK,
  WRITER_EVENT,
  WRITING,
} from '../../src/layout.ts'
import { start } from '../../workers/start.ts'
import { FuzzFailure, type FuzzOptions, type FuzzResult, type Outcomes } from './part.ts'

/**
 * The longest that a scribble can hold a call beyond its time-out: one for each thing that a call waits for, put there while it sleeps, with
 * nobody to make it true.
 */

export interface Hold {
  handle: PipeHandle
  awaited: boolean
  timeout: number
}

export interface Held {
  code: string
  lateMs: number
}

/** Of each call; long enough to scribble over what it waits for before. */
const TIMEOUT_MS = 500
/** For a busy machine. */
const MARGIN_MS = 1500
/** A stalled match is looked at this often, and left when it has not changed (deadline.ts). */
const STALL_MS = 250
/** The same while a callback of the other side has its bytes (deadline.ts). */
const LENT_STALL_MS = 10_000
/** The identity of a thread that there is not. */
const NOBODY = 0x0fff_fff0

interface Scribble {
  name: string
  half: 'reader' | 'writer'
  words: readonly (readonly [word: number, value: number])[]
  boundMs: number
}

const SCRIBBLES: readonly Scribble[] = [
  { name: 'taking', half: 'writer', words: [[HANDOFF, TAKING]], boundMs: 2 * STALL_MS },
  { name: 'lent to nobody', half: 'writer', words: [[HANDOFF, LENT]], boundMs: 2 * STALL_MS },
  {
    name: 'lent, and somebody reads',
    half: 'writer',
    words: [
      [READ_LOCK, NOBODY],
      [HANDOFF, LENT],
    ],
    boundMs: LENT_STALL_MS + 3 * STALL_MS,
  },
  {
    name: 'lent, somebody reads, and all has ended',
    half: 'writer',
    words: [
      [READ_LOCK, NOBODY],
      [READER_DONE, CLOSED],
      [HANDOFF, LENT | ENDED],
    ],
    boundMs: LENT_STALL_MS + 3 * STALL_MS,
  },
  {
    name: 'an error whose text never comes',
    half: 'writer',
    words: [
      [READER_DONE, WRITING],
      [HANDOFF, OFFERED | ENDED],
    ],
    boundMs: 0,
  },
  { name: 'a reader whose lock is taken', half: 'reader', words: [[READ_LOCK, NOBODY]], boundMs: 0 },
  { name: 'a writer whose lock is taken', half: 'writer', words: [[WRITE_LOCK, NOBODY]], boundMs: 0 },
]

/** Runs each scribble once against a blocking and an awaited call, all at the same time: `cases` of a run are its calls. */
export async function fuzzHolds({ seed }: FuzzOptions): Promise<FuzzResult> {
  const runs = SCRIBBLES.flatMap((scribble) => [hold(scribble, false, seed), hold(scribble, true, seed)])
  const outcomes: Outcomes = {}
  for (const [name, lateMs] of await Promise.all(runs)) outcomes[`ms late: ${name}`] = Math.round(lateMs)
  return { cases: runs.length, outcomes }
}

async function hold(scribble: Scribble, awaited: boolean, seed: number): Promise<[string, number]> {
  const halves = pipe({ window: 64, errorBytes: 128 })
  const { memory } = halves.reader
  const name = `${scribble.name}, ${awaited ? 'awaited' : 'blocking'}`
  const handle = { memory, half: scribble.half }
  const worker = start('../test/fuzz/hold-thread.ts', { handle, awaited, timeout: TIMEOUT_MS } satisfies Hold)
  const fail = (what: string): FuzzFailure => new FuzzFailure('holds', `${name}: ${what}`, `--seed ${seed}`)
  let limit: ReturnType<typeof setTimeout> | undefined
  let fails: (error: Error) => void = () => {}
  try {
    const held = new Promise<Held>((resolve, reject) => {
      worker.on('error', reject)
      worker.on('exit', (code) => reject(fail(`its thread exited with ${code}`)))
      worker.on('message', resolve)
      fails = reject
    })
    held.catch(() => {})
    await Promise.race([held, parked(halves.reader)])
    const hangMs = 2 * LENT_STALL_MS + TIMEOUT_MS
    limit = setTimeout(() => fails(fail(`hangs for ${hangMs} ms`)), hangMs)
    const words = new Int32Array(memory)
    for (const [word, value] of scribble.words) Atomics.store(words, word, value)
    for (const event of [WRITER_EVENT, READER_EVENT]) Atomics.notify(words, event)
    const { code, lateMs } = await held
    if (!code.startsWith('ERR_PIPE_')) throw fail(`threw ${code}`)
    const mostMs = scribble.boundMs + MARGIN_MS
    if (lateMs > mostMs) throw fail(`${lateMs} ms longer than the time-out, not ${mostMs} at most`)
    return [`${name} (${code})`, lateMs]
  } finally {
    clearTimeout(limit)
    await worker.terminate()
  }
}

/** Waits until somebody sleeps. */
async function parked(half: { stats(): { writerParks: number; readerParks: number } }): Promise<void> {
  for (;;) {
    const { writerParks, readerParks } = half.stats()
    if (writerParks + readerParks > 0) return
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}
