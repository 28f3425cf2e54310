import { compile } from '../../workers/compile.ts'
import { Content, makePool } from './content.ts'
import { Crew } from './crew.ts'
import { courseOf, type MemoryCourse, sample, systemThreads } from './memory.ts'
import { type PipePlan, planPipe } from './plan.ts'
import { runPipe } from './run.ts'
import { addTally, newTally, type Tally } from './tally.ts'
import type { Fault } from './verdict.ts'

/** Pipes of all kinds, some side by side and one lot after the other, for a while. */

export interface SoakOptions {
  seed: number
  minutes: number
  lanes: number
  /** Only this pipe, again and again. */
  pipe?: number
  /** Ends the soak early. */
  signal?: AbortSignal
  onProgress?: (progress: SoakResult) => void
}

export interface FaultyPipe extends Fault {
  pipe: number
  plan: PipePlan
}

export interface SoakResult {
  seed: number
  minutes: number
  lanes: number
  tally: Tally
  faults: FaultyPipe[]
  reactions: { count: number; sumMs: number; longestMs: number; longestPipe: number }
  memory: MemoryCourse
  /** The threads at the end: those that the soak still knows of, and as the system counts them, beside those at its start. */
  threads: { known: number; system: number | undefined; systemBefore: number | undefined }
}

const MS_PER_MINUTE = 60_000
const SAMPLE_MS = 500
/** How long threads that have exited may take to leave the system's count, in ms. */
const LEAVING_MS = 5_000
/** From how many minutes on memory that grows by more than so many MiB a minute is a fault. */
const LEAK_MINUTES = 5
const LEAK_SLOPE = 20

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const { seed, lanes, minutes, signal, onProgress } = options
  const compiled = await compile('soak', ['test/soak/worker.ts', 'src/index.ts'])
  try {
    const pool = makePool()
    const crew = new Crew(compiled, pool)
    const content = new Content(pool)
    // A thread and its end, so that what the runtime keeps of the first one is there before the count.
    crew.give(await crew.take())
    await crew.dismiss()
    const systemBefore = systemThreads()

    const startedMs = performance.now()
    const samples = [sample()]
    const result: SoakResult = {
      seed,
      minutes: 0,
      lanes,
      tally: newTally(),
      faults: [],
      reactions: { count: 0, sumMs: 0, longestMs: 0, longestPipe: 0 },
      memory: courseOf(samples),
      threads: { known: 0, system: undefined, systemBefore },
    }
    const update = (): void => {
      samples.push(sample())
      result.minutes = (performance.now() - startedMs) / MS_PER_MINUTE
      result.memory = courseOf(samples)
      result.tally['threads started'] = crew.started
      result.threads.known = crew.size
      onProgress?.(result)
    }
    const sampling = setInterval(update, SAMPLE_MS)
    const goesOn = (): boolean => signal?.aborted !== true && performance.now() - startedMs < minutes * MS_PER_MINUTE
    let number = 0
    const lane = async (): Promise<void> => {
      while (goesOn()) {
        const plan = planPipe(seed, options.pipe ?? number)
        number += 1
        note(result, plan, await runPipe(plan, crew, content))
      }
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    clearInterval(sampling)
    update()
    await crew.dismiss()
    result.threads.known = crew.size
    result.threads.system = await settledThreads(systemBefore)
    result.faults.push(...leaks(result, planPipe(seed, number)))
    return result
  } finally {
    compiled.remove()
  }
}

function note(
  result: SoakResult,
  plan: PipePlan,
  { faults, tally, reactionsMs }: Awaited<ReturnType<typeof runPipe>>,
): void {
  addTally(result.tally, tally)
  for (const fault of faults) result.faults.push({ ...fault, pipe: plan.number, plan })
  const { reactions } = result
  for (const ms of reactionsMs) {
    reactions.count += 1
    reactions.sumMs += ms
    if (ms <= reactions.longestMs) continue
    reactions.longestMs = ms
    reactions.longestPipe = plan.number
  }
}

/** The system's count of threads, once those that have exited have left it. */
async function settledThreads(before: number | undefined): Promise<number | undefined> {
  const limitMs = performance.now() + LEAVING_MS
  for (;;) {
    const now = systemThreads()
    if (now === undefined || before === undefined || now <= before || performance.now() > limitMs) return now
    await new Promise(setImmediate)
  }
}

function leaks({ threads, memory, minutes }: SoakResult, plan: PipePlan): FaultyPipe[] {
  const { known, system, systemBefore } = threads
  const faults: FaultyPipe[] = []
  const add = (what: string): void => {
    faults.push({ kind: 'leaks', what, pipe: plan.number, plan })
  }
  if (known > 0) add(`${known} threads have not ended`)
  if ((system ?? 0) > (systemBefore ?? 0)) add(`the process has ${system} threads, ${systemBefore} at the start`)
  if (minutes >= LEAK_MINUTES && memory.slope > LEAK_SLOPE)
    add(`memory grows by ${memory.slope.toFixed(1)} MiB a minute`)
  return faults
}
