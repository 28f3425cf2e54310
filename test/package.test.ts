import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

/** The tarball that `npm pack` gives, installed into an empty project. */

const root = fileURLToPath(new URL('..', import.meta.url))
const project = mkdtempSync(join(tmpdir(), 'threadpipe-'))
// What the runner has set is not what a user's npm and Node have.
const { NODE_OPTIONS: _nodeOptions, ...env } = process.env
const run = (command: string, ...args: string[]) =>
  execFileSync(command, args, { cwd: project, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

beforeAll(() => {
  const packed = execFileSync('npm', ['pack', '--json', '--pack-destination', project], {
    cwd: root,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n')))
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }')
  run('npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`)
}, 120_000)

afterAll(() => rmSync(project, { recursive: true, force: true }))

test('works between threads in plain JavaScript, with no flag', () => {
  writeFileSync(
    join(project, 'main.mjs'),
    `import { isMainThread, Worker, workerData } from 'node:worker_threads'
     import { pipe, PipeReader, readAllSync } from 'threadpipe'
     if (isMainThread) {
       const { reader, writer } = pipe()
       new Worker(new URL(import.meta.url), { workerData: reader })
       writer.writeSync('hello, ')
       await writer.write('tarball')
       writer.close()
     } else {
       console.log(new TextDecoder().decode(readAllSync(PipeReader.from(workerData))))
     }`,
  )
  expect(run(process.execPath, 'main.mjs')).toBe('hello, tarball\n')
})

test("the README's example runs as pasted", () => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []
  writeFileSync(join(project, 'example.mjs'), example as string)
  const lines = run(process.execPath, 'example.mjs').trim().split('\n')
  expect(lines.filter((line) => line.startsWith('main'))).toEqual([8, 5, 14].map((n) => `main: ${n} bytes were taken`))
  expect(lines.filter((line) => line.startsWith('worker'))).toEqual(
    ['a writer', 'waits', 'for its reader'].map((word) => `worker: ${word}`),
  )
})

test("the README's pipeline runs as pasted", () => {
  const [, example] = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```js\n(.*?)```/gs)].map(
    ([, code]) => code,
  )
  writeFileSync(join(project, 'gzip.mjs'), example as string)
  expect(run(process.execPath, 'gzip.mjs')).toBe('the others wait for gzip\n')
}, 60_000)

test('its entry points for Node and for web streams work', () => {
  writeFileSync(
    join(project, 'streams.mjs'),
    `import { pipe } from 'threadpipe'
     import { fdWriter, toReadable, toWritable, watch } from 'threadpipe/node'
     import { toReadableStream, toWritableStream } from 'threadpipe/web'
     const { reader, writer } = pipe({ capacity: 100 })
     toWritable(writer).end('from stream ')
     for await (const chunk of toReadable(reader)) fdWriter(1).writeSync(chunk)
     const web = pipe({ capacity: 100 })
     const sink = toWritableStream(web.writer).getWriter()
     sink.write('to stream')
     sink.close()
     for await (const chunk of toReadableStream(web.reader)) fdWriter(1).writeSync(chunk)
     if (typeof watch !== 'function') throw new Error()`,
  )
  expect(run(process.execPath, 'streams.mjs')).toBe('from stream to stream')
})

test('its pipelines and its command work, with stages in plain JavaScript', () => {
  writeFileSync(
    join(project, 'upper.mjs'),
    `export default ({ input, output }) => {
       for (const chunk of input) output.writeSync(Buffer.from(chunk).toString().toUpperCase())
       return 'done'
     }`,
  )
  writeFileSync(join(project, 'greeting'), 'hello')
  writeFileSync(
    join(project, 'pipeline.mjs'),
    `import { fromFile, pipeline, stage, toFd } from 'threadpipe/pipeline'
     const parts = [fromFile('greeting'), stage(new URL('./upper.mjs', import.meta.url)), toFd(1)]
     const { values } = await pipeline(parts).finished
     console.log(values)`,
  )
  expect(run(process.execPath, 'pipeline.mjs')).toBe("HELLO[ undefined, 'done', undefined ]\n")
  expect(run('npx', 'threadpipe', '--in', 'greeting', 'upper.mjs', 'gzip', 'gunzip')).toBe('HELLO')
})

test('holds the compiled code, its types and its sources, and nothing else', () => {
  const files = run('find', 'node_modules/threadpipe', '-type', 'f').trim().split('\n')
  const names = files.map((file) => file.replace('node_modules/threadpipe/', ''))
  const odd = names.filter(
    (name) => !/^(dist\/.*\.(js|d\.ts|js\.map|d\.ts\.map)|src\/.*\.ts|package\.json|[A-Z]+(\.md)?)$/.test(name),
  )
  expect(odd).toEqual([])
  expect(names).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE']))
})

test('its types hold in a strict TypeScript project', () => {
  writeFileSync(
    join(project, 'use.mts'),
    `import { toReadable } from 'threadpipe/node'
     import { toReadableStream } from 'threadpipe/web'
     import { type PipelineResult, parallel, pipeline, stage, type StageFunction, toFile } from 'threadpipe/pipeline'
     import { copySync, pipe, PipeError, PipeReader, type PipeStats } from 'threadpipe'
     const { reader, writer } = pipe({ window: 1024 })
     const n: number | null = reader.readSync(new Float64Array(4), { timeout: 5 })
     const stats: PipeStats = PipeReader.from({ memory: reader.memory, half: 'reader' }).stats()
     const copied: number = copySync(writer, reader)
     // @ts-expect-error a string is no target
     reader.readSync('x')
     writer.writeInPlaceSync(8, (bytes: Uint8Array) => void bytes.fill(1))
     const filled: Promise<number> = writer.writeInPlace(8, (bytes) => bytes.length)
     export const streams: [NodeJS.ReadableStream, ReadableStream] = [toReadable(reader), toReadableStream(reader)]
     export const upper: StageFunction<{ n: number }> = ({ input, output, data }) => {
       for (const chunk of input) output.writeSync(chunk.subarray(data.n))
     }
     const parts = [stage('x.js', { data: { n: 1 } }), parallel(new URL('file:///y.js'), { threads: 2 }), toFile('z')]
     export const result: Promise<PipelineResult> = pipeline(parts, { onProgress: ({ parts }) => void parts[0]?.rate }).finished
     export const all = [filled, n, stats, copied, new PipeError('ERR_PIPE_CLOSED', 'x').code]`,
  )
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const types = join(root, 'node_modules/@types')
  const flags = [
    '--strict',
    '--noEmit',
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--lib',
    'es2024,esnext.disposable',
  ]
  expect(run(process.execPath, tsc, ...flags, '--typeRoots', types, '--types', 'node', 'use.mts')).toBe('')
})
