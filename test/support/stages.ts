import type * as pipelines from 'threadpipe/pipeline'
import type { PipelineRun, StageIO } from 'threadpipe/pipeline'
import { afterAll } from 'vitest'
import { compile } from '../../workers/compile.ts'

/** Pipelines as plain JavaScript: these tests start and end many threads. */
const compiled = await compile('pipelines', [
  'src/pipeline.ts',
  'src/pipeline/thread.ts',
  'src/command/built-in/gzip.ts',
])
afterAll(() => compiled.remove())
/** Where a program of its own imports them from. */
export const entry = new URL('src/pipeline.js', compiled.root).href
export const {
  ExecError,
  exec,
  fromFd,
  fromFile,
  PipelineError,
  parallel,
  pipeline,
  stage,
  toFd,
  toFile,
}: typeof pipelines = await import(/* @vite-ignore */ entry)
export const gzipModule = new URL('src/command/built-in/gzip.js', compiled.root)

/** A module of one function, which sees its parameters and globals only. */
export function moduleOf(body: (...args: never[]) => unknown): string {
  return `data:text/javascript,${encodeURIComponent(`export default ${body}`)}`
}

/** A stage of one function. */
export function inline(name: string, body: (io: StageIO<never>) => unknown, data?: unknown) {
  return stage(moduleOf(body), { name, data })
}

export function inlineParallel(
  name: string,
  body: (chunk: Uint8Array, index: number, data: never) => unknown,
  options: { threads?: number; chunk?: number; data?: unknown } = {},
) {
  return parallel(moduleOf(body), { name, ...options })
}

/** Writes `data` bytes that count up, in pieces. */
export const produce = (bytes: number) =>
  inline(
    'produce',
    ({ output, data: total }) => {
      const piece = Uint8Array.from({ length: 4 * 1024 * 1024 + 256 }, (_, i) => i)
      for (let at = 0; at < total; ) {
        const n = Math.min(64 * 1024 + 13, total - at)
        output.writeSync(piece.subarray(at % 256, (at % 256) + n))
        at += n
      }
    },
    bytes,
  )

/** Writes without end. */
export const produceForEver = () =>
  inline('endless', ({ output }) => {
    const piece = new Uint8Array(64 * 1024)
    for (;;) output.writeSync(piece)
  })

export const pass = (name = 'pass') =>
  inline(name, ({ input, output }) => {
    const piece = new Uint8Array(64 * 1024)
    let total = 0
    for (let n = input.readSync(piece); n !== null; n = input.readSync(piece)) {
      output.writeSync(piece.subarray(0, n))
      total += n
    }
    return total
  })

/** Reads everything, and returns how many bytes there were, and whether they counted up. */
export const consume = (name = 'consume') =>
  inline(name, ({ input }) => {
    const piece = new Uint8Array(64 * 1024)
    let [bytes, inOrder] = [0, true]
    for (let n = input.readSync(piece); n !== null; n = input.readSync(piece)) {
      for (let i = 0; i < n; i += 1) inOrder &&= piece[i] === ((bytes + i) & 255)
      bytes += n
    }
    return { bytes, inOrder }
  })

/** What a run that must fail rejects with. */
export async function failureOfRun(run: PipelineRun): Promise<Error & Record<string, unknown>> {
  const end = await run.finished.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (!(end instanceof Error)) throw new Error('the run must fail')
  return end as Error & Record<string, unknown>
}
