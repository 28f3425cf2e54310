import type { Worker } from 'node:worker_threads'
import { type PipeHandle, pipe } from 'threadpipe'
import { watch } from 'threadpipe/node'
import { describe, expect, test } from 'vitest'
import { start } from '../workers/start.ts'
import { handleOf, PATIENT } from './support/sides.ts'

/** A worker that runs one function. */
function runner(source: string, args: PipeHandle): Worker {
  const worker = start('./runner.ts', undefined, { stderr: true })
  worker.on('error', () => {})
  worker.postMessage({ id: 1, source, args })
  return worker
}

const PEER_EXITED = { name: 'PipeError', code: 'ERR_PIPE_PEER_EXITED' }
const RUNS = '({ PipeWriter }, handle) => { PipeWriter.from(handle).writeSync("x");'

describe('a worker that exits without closing its half', () => {
  test.each([
    ['process.exit', `${RUNS} process.exit(3) }`],
    ['an uncaught error', `${RUNS} setImmediate(() => { throw new Error("uncaught") }) }`],
    ['terminate', `${RUNS} }`],
  ])('%s', async (how, source) => {
    const { reader, writer } = pipe()
    const worker = runner(source, handleOf(writer))
    watch(worker, writer)
    const target = new Uint8Array(4)
    expect(await reader.read(target, PATIENT)).toBe(1)
    const next = reader.read(target, PATIENT)
    if (how === 'terminate') await worker.terminate()
    await expect(next).rejects.toMatchObject(PEER_EXITED)
    await expect(reader.read(target)).rejects.toMatchObject(PEER_EXITED)
  })

  test('stored bytes come first', async () => {
    const { reader, writer } = pipe({ capacity: 10 })
    const worker = runner(`${RUNS} process.exit(0) }`, handleOf(writer))
    watch(worker, writer)
    await new Promise((resolve) => worker.on('exit', resolve))
    expect(await reader.read(new Uint8Array(4), PATIENT)).toBe(1)
    await expect(reader.read(new Uint8Array(4), PATIENT)).rejects.toMatchObject(PEER_EXITED)
  })

  test('a writer learns that its reader is gone, and one that had closed is left as it is', async () => {
    const { reader, writer } = pipe()
    const worker = runner(
      '({ PipeReader }, handle) => { PipeReader.from(handle).close(); process.exit(0) }',
      handleOf(reader),
    )
    const other = pipe()
    watch(worker, reader, other.reader)
    const write = other.writer.write('x', PATIENT)
    await expect(write).rejects.toMatchObject(PEER_EXITED)
    await expect(writer.write('x', PATIENT)).rejects.toMatchObject({ code: 'ERR_PIPE_CLOSED' })
  })
})

test('a worker that has exited already, and a watch that is ended', async () => {
  const gone = runner('() => process.exit(0)', handleOf(pipe().reader))
  await new Promise((resolve) => gone.on('exit', resolve))
  const { reader, writer } = pipe()
  watch(gone, writer)
  await expect(reader.read(new Uint8Array(1), PATIENT)).rejects.toMatchObject(PEER_EXITED)

  const other = pipe()
  const worker = runner('() => process.exit(0)', handleOf(pipe().reader))
  watch(worker, other.writer)()
  await new Promise((resolve) => worker.on('exit', resolve))
  await expect(other.reader.read(new Uint8Array(1), { timeout: 20 })).rejects.toMatchObject({
    code: 'ERR_PIPE_TIMEOUT',
  })
})

test('bad input', () => {
  expect(() => watch(5 as never)).toThrow(/^The worker must be an object/)
  expect(() => watch({} as never)).toThrow(/^The worker must be a Worker, not an object of class Object/)
  const worker = runner('() => process.exit(0)', handleOf(pipe().reader))
  expect(() => watch(worker, {} as never)).toThrow(/^The half must be a PipeReader or a PipeWriter/)
  expect(() => watch(worker, handleOf(pipe().writer) as never)).toThrow(
    /^The writer must be a PipeWriter, .* PipeWriter\.from$/,
  )
})
