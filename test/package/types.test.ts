import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { ROOT, run } from './project.ts'

/** The published types, in strict projects of several kinds. Declarations are checked, too. */

const project = inject('project')
const STRICT = [
  '--strict',
  '--noUncheckedIndexedAccess',
  '--exactOptionalPropertyTypes',
  '--noEmit',
  '--target',
  'es2023',
]
const WITH_NODE = [
  '--typeRoots',
  join(ROOT, 'node_modules/@types'),
  '--types',
  'node',
  '--lib',
  'es2024,esnext.disposable',
]
const WITH_PAGE = ['--types', '', '--lib', 'es2024,esnext.disposable,dom,dom.iterable,dom.asynciterable']

function check(file: string, text: string, flags: string[]): string {
  writeFileSync(join(project, file), text)
  try {
    return run(project, process.execPath, join(ROOT, 'node_modules/typescript/bin/tsc'), ...STRICT, ...flags, file)
  } catch (error) {
    return (error as { stdout: string }).stdout
  }
}

const CORE = `
  import { copySync, pipe, PipeError, PipeReader, type PipeHandle, type PipeStats } from 'threadpipe'
  const { reader, writer } = pipe({ window: 1024 })
  const n: number | null = reader.readSync(new Float64Array(4), { timeout: 5 })
  const handle: PipeHandle = reader
  const stats: PipeStats = PipeReader.from({ memory: reader.memory, half: 'reader' }).stats()
  const copied: number = copySync(writer, reader)
  // @ts-expect-error a string is no target
  reader.readSync('x')
  // @ts-expect-error halves are made by pipe() and from()
  new PipeReader(handle)
  writer.writeInPlaceSync(8, (bytes: Uint8Array) => void bytes.fill(1))
  const filled: Promise<number> = writer.writeInPlace(8, (bytes) => bytes.length)
  export const all = [filled, n, stats, copied, new PipeError('ERR_PIPE_CLOSED', 'x').code]`

test('nodenext', () => {
  const text = `${CORE}
    import { toReadable } from 'threadpipe/node'
    import { toReadableStream } from 'threadpipe/web'
    export const streams: [NodeJS.ReadableStream, ReadableStream] = [toReadable(reader), toReadableStream(reader)]`
  expect(check('use.mts', text, ['--module', 'nodenext', ...WITH_NODE])).toBe('')
})

test('pipelines', () => {
  const text = `
    import { parallel, pipeline, type PipelineResult, stage, type StageFunction, toFile } from 'threadpipe/pipeline'
    export const upper: StageFunction<{ n: number }> = ({ input, output, data }) => {
      for (const chunk of input) output.writeSync(chunk.subarray(data.n))
    }
    const parts = [stage('x.js', { data: { n: 1 } }), parallel(new URL('file:///y.js'), { threads: 2 }), toFile('z')]
    export const run = pipeline(parts, { onProgress: ({ parts }) => void parts[0]?.rate })
    export const result: Promise<PipelineResult> = run.finished`
  // The types of piscina do not hold in a project that is as strict.
  expect(check('pipeline.mts', text, ['--module', 'nodenext', '--skipLibCheck', ...WITH_NODE])).toBe('')
})

test('nodenext, from CommonJS', () => {
  const text = `import threadpipe = require('threadpipe')
    const { reader, writer } = threadpipe.pipe()
    export const n: Promise<number | null> = reader.read(new Uint8Array(4))
    writer.close()`
  expect(check('use.cts', text, ['--module', 'nodenext', ...WITH_NODE])).toBe('')
})

test('bundler, for Node', () => {
  const text = `${CORE}
    import { watch } from 'threadpipe/node'
    export const watched: (worker: import('node:worker_threads').Worker) => () => void = (worker) => watch(worker, writer)`
  expect(check('bundled.ts', text, ['--module', 'preserve', '--moduleResolution', 'bundler', ...WITH_NODE])).toBe('')
})

test('bundler, for a web page with no types of Node', () => {
  const text = `${CORE}
    import { toReadableStream } from 'threadpipe/web'
    export const response = new Response(toReadableStream(reader))
    export const worker = (url: URL) => new Worker(url).postMessage(writer)`
  expect(check('page.ts', text, ['--module', 'preserve', '--moduleResolution', 'bundler', ...WITH_PAGE])).toBe('')
})

test('what is a fresh copy may go wherever bytes go that are not shared', () => {
  const text = `
    import { pipe, readAll, readAllSync } from 'threadpipe'
    const { reader } = pipe()
    export const blob = new Blob([readAllSync(reader), ...reader])
    export const response = new Response(readAllSync(reader))
    export const digest = async () => crypto.subtle.digest('SHA-256', await readAll(reader))
    export async function each() {
      for await (const chunk of reader) new Blob([chunk])
    }`
  expect(check('fresh.ts', text, ['--module', 'preserve', '--moduleResolution', 'bundler', ...WITH_PAGE])).toBe('')
})

test('a project that asks for no more of the language than ES2022', () => {
  const text = `
    import { pipe } from 'threadpipe'
    import { toReadableStream } from 'threadpipe/web'
    export const stream = toReadableStream(pipe().reader)`
  const flags = ['--module', 'nodenext', '--types', '', '--lib', 'es2022,dom', '--target', 'es2022']
  expect(check('older.mts', text, flags)).toBe('')
})
