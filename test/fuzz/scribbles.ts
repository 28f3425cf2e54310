import { pipe } from 'threadpipe'
import { start } from '../../workers/start.ts'
import { CELL_WORDS, type CellData, type CellMessage, NUMBER, STOP } from './cell.ts'
import { addAll, FuzzFailure, type FuzzOptions, type FuzzResult, type Outcomes, WORST_MS } from './part.ts'
import { ACTORS, SHAPES } from './scribble-plan.ts'

/** Cases in many cells at once for a long run: a case mostly waits for its time-outs. */
const CASES_PER_CELL = 400
const MAX_CELLS = 6
/** Longer than the scribbler itself takes to call an actor hung. */
const SILENT_MS = 30_000

/**
 * Other threads write over the control words while bytes go from thread to thread. Every call gives a count within its size, an error of the pipe
 * or one that was written into it, soon after its time-out, and moves bytes within the window only.
 */
export async function fuzzScribbles({ cases, seed, only }: FuzzOptions): Promise<FuzzResult> {
  const cells = Math.min(MAX_CELLS, Math.ceil(cases / CASES_PER_CELL))
  const outcomes: Outcomes = {}
  const runs = Array.from({ length: cells }, (_, first) => runCell(seed, { first, step: cells, end: cases, only }))
  for (const result of await Promise.all(runs)) addAll(outcomes, result)
  return { cases, outcomes }
}

async function runCell(seed: number, schedule: { first: number; step: number; end: number; only: number | undefined }) {
  const board = new Int32Array(new SharedArrayBuffer(CELL_WORDS * Int32Array.BYTES_PER_ELEMENT))
  const memories = SHAPES.map((options) => pipe(options).reader.memory)
  const roles: CellData['role'][] = Array.from({ length: ACTORS }, (_, actor) => ({ actor }))
  const workers = [...roles, { scribbler: schedule }].map((role) =>
    start('../test/fuzz/scribble-thread.ts', { board, memories, seed, role } satisfies CellData),
  )
  const outcomes: Outcomes = {}
  let beat: ReturnType<typeof setInterval> | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      const fail = (what: string, number: number): void =>
        reject(new FuzzFailure('scribbles', what, `--seed ${seed} --case ${number}`))
      let before = ''
      beat = setInterval(() => {
        const now = board.join()
        if (now === before) fail(`nothing has happened for ${SILENT_MS} ms: ${now}`, Atomics.load(board, NUMBER))
        before = now
      }, SILENT_MS)
      let running = workers.length
      for (const worker of workers) {
        worker.on('error', (error) => fail(String(error.stack), Atomics.load(board, NUMBER)))
        worker.on('message', (message: CellMessage) => {
          if ('failure' in message) return fail(message.failure, message.number)
          addAll(outcomes, message.outcomes)
          if (message.copies > 0) addAll(outcomes, { 'copies watched': message.copies })
          addAll(outcomes, { [WORST_MS]: Math.round(message.worstMs) })
          running -= 1
          if (running === 0) resolve()
        })
      }
    })
  } finally {
    clearInterval(beat)
    Atomics.store(board, STOP, 1)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
  return outcomes
}
