import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { THREAD_ARGS } from '../workers/start.ts'

/** C24: a pending await keeps its event loop alive, and only while pending. Each case is a process of its own. */

const LIMIT_MS = 10_000

async function run(script: string): Promise<{ code: number | null; output: string; ms: number }> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [...THREAD_ARGS, '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LIMIT_MS,
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  return { code, output, ms: performance.now() - startedMs }
}

test('a process waits for a read that another thread will answer, though nothing else keeps it alive', async () => {
  const { code, output } = await run(`
    import { pipe } from 'threadpipe'
    import { Worker } from 'node:worker_threads'
    const { reader, writer } = pipe()
    const worker = new Worker(new URL('${new URL('../workers/runner.ts', import.meta.url)}'), { execArgv: ${JSON.stringify(THREAD_ARGS)} })
    const source = \`({ PipeWriter }, handle) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300)
      PipeWriter.from(handle).writeSync('hello')
    }\`
    worker.postMessage({ id: 1, source, args: { memory: writer.memory, half: writer.half } })
    worker.unref()
    const target = new Uint8Array(8)
    const n = await reader.read(target)
    console.log(Buffer.from(target.subarray(0, n)).toString())
  `)
  expect({ code, output }).toEqual({ code: 0, output: 'hello\n' })
})

test('a pending call with nobody at the other end keeps the process alive', async () => {
  const { code, ms } = await run(`
    import { pipe } from 'threadpipe'
    const { reader } = pipe()
    reader.read(new Uint8Array(8))
    setTimeout(() => process.exit(7), 700)
      .unref()
  `)
  expect(code).toBe(7)
  expect(ms).toBeGreaterThan(700)
})

test.each([
  ['a read that was answered', 'const r = reader.read(new Uint8Array(8)); await writer.write("x"); await r'],
  ['a read that timed out', 'await reader.read(new Uint8Array(8), { timeout: 10 }).catch(() => {})'],
  ['a write that was cancelled', 'await writer.write("x", { signal: AbortSignal.timeout(10) }).catch(() => {})'],
  [
    'a read whose long time-out was not needed',
    'const r = reader.read(new Uint8Array(8), { timeout: 1e6 }); await writer.write("x"); await r',
  ],
  ['a read that was closed', 'const r = reader.read(new Uint8Array(8)); writer.close(); await r'],
  ['an abandoned pipe', 'reader.readSync(new Uint8Array(0), { timeout: 1 })'],
])('%s lets the process end', async (_, body) => {
  const { code, ms } = await run(`
    import { pipe } from 'threadpipe'
    const { reader, writer } = pipe()
    try { ${body} } catch {}
    process.exitCode = 5
  `)
  expect(code).toBe(5)
  expect(ms).toBeLessThan(LIMIT_MS)
})

test('a call in place keeps no process alive, not even one made as it ends', async () => {
  const { code, output } = await run(`
    import { pipe } from 'threadpipe'
    const { reader, writer } = pipe({ capacity: 8 })
    let ends = 0
    process.on('beforeExit', () => {
      ends += 1
      if (ends > 3) process.exit(7)
      writer.writeInPlaceSync(4, () => {})
      reader.readInPlaceSync(() => {})
    })
    process.on('exit', () => console.log(ends))
  `)
  expect({ code, output }).toEqual({ code: 0, output: '1\n' })
})
