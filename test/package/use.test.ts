import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, inject, test } from 'vitest'
import { findNode } from '../runtimes/binaries.ts'
import { ROOT, run } from './project.ts'

/** The installed package, in programs of several kinds. */

const project = inject('project')

/** Runs a program in the project, with no flag. */
function runFile(file: string, text: string, node = process.execPath, ...args: string[]): string {
  writeFileSync(join(project, file), text)
  return run(project, node, ...args, file)
}

const BETWEEN_THREADS = `import { isMainThread, Worker, workerData } from 'node:worker_threads'
  import { pipe, PipeReader, readAllSync } from 'threadpipe'
  if (isMainThread) {
    const { reader, writer } = pipe()
    new Worker(new URL(import.meta.url), { workerData: reader })
    writer.writeSync('hello, ')
    await writer.write('tarball')
    writer.close()
  } else {
    console.log(new TextDecoder().decode(readAllSync(PipeReader.from(workerData))))
  }`

test('works between threads in plain JavaScript', () => {
  expect(runFile('main.mjs', BETWEEN_THREADS)).toBe('hello, tarball\n')
})

test("the README's example runs as pasted", () => {
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
  const lines = runFile('example.mjs', example as string)
    .trim()
    .split('\n')
  expect(lines.filter((line) => line.startsWith('main'))).toEqual([8, 5, 14].map((n) => `main: ${n} bytes were taken`))
  expect(lines.filter((line) => line.startsWith('worker'))).toEqual(
    ['a writer', 'waits', 'for its reader'].map((word) => `worker: ${word}`),
  )
})

test('its entry points for Node and for web streams work', () => {
  const text = `import { pipe } from 'threadpipe'
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
    if (typeof watch !== 'function') throw new Error()`
  expect(runFile('streams.mjs', text)).toBe('from stream to stream')
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
  const text = `import { fromFile, pipeline, stage, toFd } from 'threadpipe/pipeline'
    const parts = [fromFile('greeting'), stage(new URL('./upper.mjs', import.meta.url)), toFd(1)]
    const { values } = await pipeline(parts).finished
    console.log(values)`
  expect(runFile('pipeline.mjs', text)).toBe("HELLO[ undefined, 'done', undefined ]\n")
  expect(run(project, 'npx', 'threadpipe', '--in', 'greeting', 'upper.mjs', 'gzip', 'gunzip')).toBe('HELLO')
})

const COMMON_JS = `const { isMainThread, Worker, workerData } = require('node:worker_threads')
  const { pipe, PipeReader, readAllSync } = require('threadpipe')
  const { fdWriter } = require('threadpipe/node')
  if (isMainThread) {
    const { reader, writer } = pipe()
    new Worker(__filename, { workerData: reader })
    writer.writeSync('hello, require')
    writer.close()
  } else {
    fdWriter(1).writeSync(readAllSync(PipeReader.from(workerData)))
  }`

test('CommonJS has it by require', () => {
  expect(runFile('main.cjs', COMMON_JS)).toBe('hello, require')
})

const node24 = findNode(24)?.path

test.skipIf(node24 === undefined)(
  'CommonJS has it by require, without a warning (needs Node 24: npm run test:runtimes)',
  () => {
    expect(
      runFile('quiet.cjs', `process.on('warning', (warning) => console.log(warning.message))\n${COMMON_JS}`, node24),
    ).toBe('hello, require')
  },
)

test.skipIf(node24 === undefined)('`using` closes a half (needs Node 24: npm run test:runtimes)', () => {
  const text = `import { pipe } from 'threadpipe'
    const { reader, writer } = pipe({ capacity: 10 })
    {
      using half = writer
      half.writeSync('used')
    }
    console.log([...reader].map((chunk) => new TextDecoder().decode(chunk)).join(), writer.stats().writerClosed)`
  expect(runFile('using.mjs', text, node24)).toBe('used true\n')
})

test('needs no other package but for pipelines', () => {
  const bare = mkdtempSync(join(tmpdir(), 'threadpipe-'))
  try {
    cpSync(join(project, 'node_modules/threadpipe'), join(bare, 'node_modules/threadpipe'), { recursive: true })
    writeFileSync(
      join(bare, 'all.mjs'),
      `import * as core from 'threadpipe'
       import * as node from 'threadpipe/node'
       import * as web from 'threadpipe/web'
       console.log([core.pipe, node.toReadable, web.toReadableStream].map((f) => typeof f).join())`,
    )
    expect(run(bare, process.execPath, 'all.mjs')).toBe('function,function,function\n')
  } finally {
    rmSync(bare, { recursive: true, force: true })
  }
})

test('stacks lead to the source', () => {
  const text = `import { pipe } from 'threadpipe'
    const { reader, writer } = pipe()
    reader.close()
    try {
      writer.writeSync('x')
    } catch (error) {
      console.log(error.stack)
    }`
  const stack = runFile('stack.mjs', text, process.execPath, '--enable-source-maps')
  const [, line] = /src\/writer\.ts:(\d+)/.exec(stack) ?? []
  const source = readFileSync(join(project, 'node_modules/threadpipe/src/writer.ts'), 'utf8').split('\n')
  expect(source[Number(line) - 1]).toContain('this.call(operation')
})
