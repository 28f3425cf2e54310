import { execFileSync, spawnSync } from 'node:child_process'
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { folder } from './support/folder.ts'
import { counting } from './support/sides.ts'
import {
  consume,
  entry,
  failureOfRun,
  fromFd,
  fromFile,
  inline,
  inlineParallel,
  pass,
  pipeline,
  produce,
  stage,
  toFd,
  toFile,
} from './support/stages.ts'
import { until } from './support/threads.ts'

/** Faults of pipelines that reviews have found. */

const { path } = folder()
const MIB = 1024 * 1024

test('a FIFO whose writer has gone before the run is read up to its end', async () => {
  execFileSync('mkfifo', [path('fifo')])
  const fd = openSync(path('fifo'), constants.O_RDONLY | constants.O_NONBLOCK)
  const writer = openSync(path('fifo'), constants.O_WRONLY)
  writeSync(writer, 'hello')
  closeSync(writer)
  await pipeline([fromFd(fd), toFile(path('read'))]).finished
  closeSync(fd)
  expect(readFileSync(path('read'), 'utf8')).toBe('hello')
}, 10_000)

test('a FIFO whose reader has gone before the run is left quietly, as one whose reader goes later', async () => {
  execFileSync('mkfifo', [path('unread')])
  const both = openSync(path('unread'), constants.O_RDWR)
  const fd = openSync(path('unread'), constants.O_WRONLY)
  closeSync(both)
  const { values } = await pipeline([produce(10 * MIB), toFd(fd)]).finished
  closeSync(fd)
  expect(values).toEqual([undefined, undefined])
}, 10_000)

test('an abort ends a stage that has failed, but goes on for ever', async () => {
  const stuck = inline('stuck', ({ output }) => {
    output.abort(new Error('mine'))
    for (;;);
  })
  const run = pipeline([stuck, pass('below'), consume()])
  await until(() => run.stats().parts[1]?.state === 'finished')
  run.abort(new Error('enough'))
  expect((await failureOfRun(run)).message).toMatch(/mine|enough/)
}, 10_000)

test('a stage that has failed, and takes long over its end, is the one that is named', async () => {
  const slow = inline('slow', ({ output }) => {
    output.abort(new Error('mine'))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
    throw new Error('late')
  })
  expect(await failureOfRun(pipeline([produce(MIB), slow, consume()]))).toMatchObject({
    part: 'slow',
    message: 'slow: mine',
  })
}, 10_000)

test('a parallel function may transfer its chunk', async () => {
  const source = Buffer.alloc(4 * MIB, 7)
  writeFileSync(path('source'), source)
  const transferring = inlineParallel(
    'transferring',
    (chunk) => {
      const whole = structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] })
      return new Uint8Array(whole)
    },
    { threads: 2, chunk: 64 * 1024 },
  )
  await pipeline([fromFile(path('source')), transferring, toFile(path('transferred'))]).finished
  expect(readFileSync(path('transferred')).equals(source)).toBe(true)
}, 20_000)

test('what a stage leaves unhandled is its own failure, not that of the next in its thread', async () => {
  const stray = inline('stray', () => {
    void Promise.reject(new Error('left behind'))
    return 1
  })
  expect((await failureOfRun(pipeline([stray]))).message).toMatch(/^stray: .*left behind/s)
  const { values } = await pipeline([inline('later', () => 2)]).finished
  expect(values).toEqual([2])
}, 20_000)

test('a death is the cause, though a neighbour wraps what it hears of it', async () => {
  const dies = inline('dies', () => process.exit(3))
  const wraps = inline('wraps', ({ input }) => {
    try {
      input.readSync(new Uint8Array(1))
    } catch (cause) {
      throw new Error('wrapped', { cause })
    }
  })
  expect(await failureOfRun(pipeline([dies, wraps, consume()]))).toMatchObject({ part: 'dies' })
}, 20_000)

test('a symbolic link to a file that is not there yet is followed', async () => {
  symlinkSync('real', path('link'))
  await pipeline([produce(10), toFile(path('link'))]).finished
  expect(lstatSync(path('link')).isSymbolicLink()).toBe(true)
  expect(readFileSync(path('real')).length).toBe(10)
}, 20_000)

test('nothing is told of a run that is over, however short it was, and its figures are whole', async () => {
  let over = false
  let late = 0
  const onProgress = (): void => {
    if (over) late += 1
  }
  // One stage that does nothing is over before this thread hears of its beginning.
  const kinds = [[inline('one', () => 1)], [produce(6), pass('pass'), consume()]]
  for (let i = 0; i < 40; i += 1) {
    over = false
    const run = pipeline(kinds[i % kinds.length] ?? [], { onProgress })
    const { stats } = await run.finished
    over = true
    expect(stats.bottleneck).toBeDefined()
    expect(stats.elapsedMs).toBeGreaterThan(0)
    for (const { computing, waitingForInput, waitingForOutput } of stats.parts) {
      expect(computing + waitingForInput + waitingForOutput).toBeCloseTo(1)
    }
    expect(run.stats()).toEqual(stats)
  }
  await delay(500)
  expect(late).toBe(0)
}, 20_000)

test('what onProgress throws at the end ends the run, too', async () => {
  const onProgress = (): void => {
    throw new RangeError('enough')
  }
  await expect(pipeline([produce(6), toFile(path('refused'))], { onProgress }).finished).rejects.toThrow('enough')
  expect(existsSync(path('refused'))).toBe(false)
}, 20_000)

test('a target in no folder is named as it was given', async () => {
  const target = path('nowhere/target')
  expect((await failureOfRun(pipeline([produce(6), toFile(target)]))).message).toMatch(
    /ENOENT: there is no folder .*nowhere$/,
  )
}, 20_000)

test.each([
  ['a folder', () => path('.'), /EISDIR: .* is a directory$/],
  ['a text that is no module', () => path('broken.mjs'), /Unexpected .*, in .*broken\.mjs or in what it imports$/],
])(
  'a stage that is %s is named',
  async (_, module, message) => {
    writeFileSync(path('broken.mjs'), 'export default ) => {}')
    expect((await failureOfRun(pipeline([stage(module())]))).message).toMatch(message)
  },
  20_000,
)

// As after `sudo -u`, with pipes of who has called that: they can be read and written, but not opened.
test('standard streams that belong to somebody else', async () => {
  const program = `
    import { fchmodSync } from 'node:fs'
    import { exec, fromFd, pipeline, toFd } from '${entry}'
    for (const fd of [0, 1]) fchmodSync(fd, 0)
    if (process.getuid() === 0) process.setuid(65534)
    await pipeline([fromFd(0), exec('cat'), toFd(1)]).finished`
  const source = counting(1_000_000)
  const args = [
    '-c',
    'cat | "$@" | cat',
    'sh',
    process.execPath,
    '--conditions=threadpipe-source',
    '--input-type=module',
    '-e',
    program,
  ]
  const { stdout, stderr } = spawnSync('sh', args, { input: source, maxBuffer: 2e6, timeout: 10_000 })
  expect(String(stderr)).toBe('')
  expect(Buffer.compare(stdout, source)).toBe(0)
})
