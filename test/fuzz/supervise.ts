import { start } from '../../workers/start.ts'
import { FuzzFailure, type FuzzOptions, type FuzzResult, type Outcomes } from './part.ts'

/** The parts that one thread runs by itself. It grows `beat` with each case, so that one that hangs is noticed. */
export type PartName = 'handles' | 'arguments'

export interface PartData {
  part: PartName
  options: FuzzOptions
  beat: Int32Array
}

/** Longer than any case may take. */
const SILENT_MS = 20_000

export const fuzzHandles = (options: FuzzOptions): Promise<FuzzResult> => supervise('handles', options)
export const fuzzArguments = (options: FuzzOptions): Promise<FuzzResult> => supervise('arguments', options)

/** Runs a part in a thread of its own, which may block and even hang. */
async function supervise(part: PartName, options: FuzzOptions): Promise<FuzzResult> {
  const beat = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  const worker = start('../test/fuzz/part-thread.ts', { part, options, beat } satisfies PartData)
  let timer: ReturnType<typeof setInterval> | undefined
  try {
    const outcomes = await new Promise<Outcomes>((resolve, reject) => {
      let before = -1
      timer = setInterval(() => {
        const now = Atomics.load(beat, 0)
        const replay = `--seed ${options.seed} --case ${now}`
        if (now === before) reject(new FuzzFailure(part, `case ${now} has hung for ${SILENT_MS} ms`, replay))
        before = now
      }, SILENT_MS)
      worker.on('error', reject)
      worker.on('message', resolve)
      worker.on('exit', (code) => reject(new Error(`the thread of ${part} exited with ${code}`)))
    })
    return { cases: Atomics.load(beat, 0), outcomes }
  } finally {
    clearInterval(timer)
    await worker.terminate()
  }
}
