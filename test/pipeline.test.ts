import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { Piscina } from 'piscina'
import {
  exec,
  fromFd,
  fromFile,
  type Part,
  type PipelineStats,
  parallel,
  pipeline,
  stage,
  toFd,
  toFile,
} from 'threadpipe/pipeline'
import { describe, expect, test } from 'vitest'
import { THREAD_ARGS } from '../workers/start.ts'
import { consume, folder, inline, inlineParallel, moduleOf, pass, produce } from './support/stages.ts'
import { until } from './support/threads.ts'

const { path, left } = folder()
const MIB = 1024 * 1024
const bytes = Buffer.from(Uint8Array.from({ length: 3 * MIB + 17 }, (_, i) => (i * i) >>> 8))
writeFileSync(path('source'), bytes)

describe('bytes go through', () => {
  test.each([
    [0, 5 * MIB],
    [1, 5000],
    [4096, 5 * MIB],
    [MIB, 5 * MIB],
  ])('with pipes of %i bytes', async (capacity, bytes) => {
    const { values } = await pipeline([produce(bytes), pass(), consume()], { capacity }).finished
    expect(values).toEqual([undefined, bytes, { bytes, inOrder: true }])
  })

  test('from a file to a file', async () => {
    await pipeline([fromFile(path('source')), pass(), toFile(path('copy'))]).finished
    expect(readFileSync(path('copy')).equals(bytes)).toBe(true)
    await pipeline([fromFile(path('source')), toFile(path('copy'))]).finished
    expect(left()).toEqual(['copy', 'source'])
  })

  test('of a blocking stage and of an async one', async () => {
    const shout = inline('shout', async ({ input, output }) => {
      for await (const chunk of input) await output.write(chunk.map((byte) => byte ^ 0xff))
    })
    await pipeline([fromFile(path('source')), shout, pass(), shout, toFile(path('shouted'))]).finished
    expect(readFileSync(path('shouted')).equals(bytes)).toBe(true)
  })

  test('16 stages, whatever the number of cores', async () => {
    const stages = Array.from({ length: 16 }, (_, i) => pass(`pass ${i}`))
    const { values } = await pipeline([produce(2 * MIB), ...stages, consume()]).finished
    expect(values.at(-1)).toEqual({ bytes: 2 * MIB, inOrder: true })
  })

  test('from and to descriptors, at their positions', async () => {
    const from = openSync(path('source'), 'r')
    const to = openSync(path('partly'), 'w')
    try {
      readSync(from, new Uint8Array(100))
      await pipeline([fromFd(from), pass(), toFd(to)]).finished
      writeSync(to, 'end')
      expect(readFileSync(path('partly')).equals(Buffer.concat([bytes.subarray(100), Buffer.from('end')]))).toBe(true)
    } finally {
      closeSync(from)
      closeSync(to)
    }
  })

  test('through a TypeScript module and a JavaScript one', async () => {
    const modules = ['ts', 'js'].map((type) => path(`upper.${type}`))
    const body = (typed: boolean) =>
      `export default ({ input, output }${typed ? ': any' : ''}) => {
         for (const chunk of input) output.writeSync(Buffer.from(chunk).toString().toUpperCase())
       }`
    writeFileSync(path('package.json'), '{ "type": "module" }')
    symlinkSync(new URL('../node_modules', import.meta.url), path('node_modules'))
    for (const [i, module] of modules.entries()) {
      writeFileSync(module, body(i === 0))
      const hello = inline('hello', ({ output }) => void output.writeSync('hello'))
      await pipeline([hello, stage(module), toFile(path('greeting'))]).finished
      expect(readFileSync(path('greeting'), 'utf8')).toBe('HELLO')
    }
  })

  test('data goes to stages, and what they return comes back', async () => {
    const answer = inline('answer', ({ data }) => ({ got: data, at: new Date(0) }), { n: [1n] })
    const { values, elapsedMs } = await pipeline([answer]).finished
    expect(values).toEqual([{ got: { n: [1n] }, at: new Date(0) }])
    expect(elapsedMs).toBeGreaterThan(0)
  })

  test('the first stage sees the end, the last one may not write', async () => {
    const first = inline('first', ({ input }) => input.readSync(new Uint8Array(1)))
    expect((await pipeline([first]).finished).values).toEqual([null])
    await expect(pipeline([produce(1)]).finished).rejects.toThrow(/^produce: nothing takes the output of produce/)
  })
})

describe('files', () => {
  test('keep their mode, and are written through a link', async () => {
    writeFileSync(path('script'), 'old')
    chmodSync(path('script'), 0o750)
    symlinkSync('script', path('link'))
    await pipeline([inline('new', ({ output }) => void output.writeSync('new')), toFile(path('link'))]).finished
    expect(readFileSync(path('script'), 'utf8')).toBe('new')
    expect(statSync(path('script')).mode & 0o777).toBe(0o750)
  })

  test('appear when all has gone well, not before', async () => {
    mkdirSync(path('out'))
    const go = new Int32Array(new SharedArrayBuffer(4))
    const slow = inline(
      'slow',
      ({ output, data }) => {
        output.writeSync('a first part')
        Atomics.wait(data, 0, 0, 10_000)
      },
      go,
    )
    const run = pipeline([slow, toFile(path('out/late'))])
    await until(() => run.stats().parts[1]?.bytesIn === 12)
    expect(readdirSync(path('out'))).toEqual([expect.stringMatching(/^\.late\..*\.part$/)])
    Atomics.store(go, 0, 1)
    Atomics.notify(go, 0)
    await run.finished
    expect(readdirSync(path('out'))).toEqual(['late'])
  })

  test('what is no regular file is written directly: a device, a FIFO', async () => {
    await pipeline([produce(MIB), toFile('/dev/null')]).finished
    spawnSync('mkfifo', [path('fifo')])
    const reading = pipeline([fromFile(path('fifo')), consume()])
    await pipeline([produce(MIB), toFile(path('fifo'))]).finished
    expect((await reading.finished).values[1]).toEqual({ bytes: MIB, inOrder: true })
  })
})

describe('child processes', () => {
  test('stand between stages', async () => {
    const { values } = await pipeline([produce(MIB), exec('cat'), exec('cat'), consume()]).finished
    expect(values[3]).toEqual({ bytes: MIB, inOrder: true })
  })

  test('first and last', async () => {
    await pipeline([exec('echo', ['hello']), exec('sh', ['-c', `cat > ${path('by-shell')}`])]).finished
    expect(readFileSync(path('by-shell'), 'utf8')).toBe('hello\n')
  })
})

describe('parallel', () => {
  test('keeps the order of chunks, and cuts them exactly', async () => {
    const { values } = await pipeline([
      produce(MIB + 5),
      inlineParallel(
        'uneven',
        (chunk, index) => {
          // Every fifth takes longer.
          for (const end = performance.now() + (index % 5 === 0 ? 5 : 0); performance.now() < end; );
          if (chunk.length !== (index < 1024 ? 1024 : 5)) throw new Error(`chunk ${index} has ${chunk.length} bytes`)
          return chunk
        },
        { threads: 4, chunk: 1024 },
      ),
      consume(),
    ]).finished
    expect(values[2]).toEqual({ bytes: MIB + 5, inOrder: true })
  })

  test.each([0, 1, 1024, 2048])('an input of %i bytes', async (size) => {
    const sizes = inlineParallel('sizes', async (chunk, index) => Buffer.from(`${index}:${chunk.length} `), {
      threads: 3,
      chunk: 1024,
    })
    await pipeline([produce(size), sizes, toFile(path('sizes'))]).finished
    const expected = { 0: '0:0 ', 1: '0:1 ', 1024: '0:1024 ', 2048: '0:1024 1:1024 ' }[size]
    expect(readFileSync(path('sizes'), 'utf8')).toBe(expected)
  })

  test('results of any size: none, and larger than all pipes', async () => {
    const grow = inlineParallel('grow', (_, index) => new Uint8Array(index % 2 === 0 ? 0 : 20 * 1024 * 1024), {
      threads: 2,
      chunk: 10,
    })
    const { values } = await pipeline([produce(40), grow, consume()]).finished
    expect(values[2]).toMatchObject({ bytes: 40 * MIB })
  })

  test('keeps its threads busy though chunks take 10 times as long as others', async () => {
    const counts = new Int32Array(new SharedArrayBuffer(8))
    const uneven = inlineParallel(
      'uneven',
      (chunk, index, data: Int32Array) => {
        // Sleeps, since there may be fewer cores than threads.
        Atomics.wait(data, 0, 0, index % 10 === 0 ? 50 : 5)
        return chunk
      },
      { threads: 4, chunk: 1024, data: counts },
    )
    const { stats } = await pipeline([produce(200 * 1024), uneven, consume()]).finished
    // 200 chunks of 9.5 ms on average, by 4 threads: 475 ms if none is ever idle, and 1000 if they waited for each other's.
    expect(stats.elapsedMs).toBeLessThan(950)
    expect(stats.parts[1]?.computing).toBeGreaterThan(0.6)
    expect(stats.bottleneck).toBe('uneven')
    expect(stats.parts[1]).toMatchObject({ threads: 4, bytesIn: 200 * 1024, bytesOut: 200 * 1024 })
  })

  test('as many threads as there are cores by default', async () => {
    const gzip = parallel(new URL('../src/command/built-in/gzip.ts', import.meta.url))
    await pipeline([fromFile(path('source')), gzip, toFile(path('source.gz'))]).finished
    expect(gunzipSync(readFileSync(path('source.gz'))).equals(bytes)).toBe(true)
  })
})

describe('figures', () => {
  test('say who waits for whom, while it runs and at the end', async () => {
    const seen: PipelineStats[] = []
    const slow = inline('slow', ({ input }) => {
      const nobody = new Int32Array(new SharedArrayBuffer(4))
      const piece = new Uint8Array(64 * 1024)
      for (let i = 0; i < 10; i += 1) {
        input.readSync(piece)
        Atomics.wait(nobody, 0, 0, 100)
      }
    })
    const run = pipeline([produce(100 * MIB), slow], { onProgress: (stats) => seen.push(stats), capacity: 64 * 1024 })
    const { stats } = await run.finished
    expect(seen.length).toBeGreaterThanOrEqual(3)
    for (const { bottleneck, parts } of [...seen.slice(1), stats]) {
      expect(bottleneck).toBe('slow')
      expect(parts[0]?.waitingForOutput).toBeGreaterThan(0.25)
      for (const { computing, waitingForInput, waitingForOutput } of parts) {
        expect(computing + waitingForInput + waitingForOutput).toBeCloseTo(1)
      }
    }
    expect(stats.parts.map(({ name, kind, state }) => [name, kind, state])).toEqual([
      ['produce', 'stage', 'finished'],
      ['slow', 'stage', 'finished'],
    ])
    expect(run.stats()).toEqual(stats)
  })

  test('names that are the same are made to differ', async () => {
    const { stats } = await pipeline([produce(1), pass(), pass(), consume()]).finished
    expect(stats.parts.map(({ name }) => name)).toEqual(['produce', 'pass', 'pass (2)', 'consume'])
  })
})

describe('threads', () => {
  const threads = (): number => readdirSync('/proc/self/task').length
  const descriptors = (): number => readdirSync('/proc/self/fd').length

  test('are used again: no thread, descriptor or memory is left by pipelines one after another', async () => {
    const once = () =>
      pipeline([
        fromFile(path('source')),
        pass(),
        inlineParallel('same', (chunk) => chunk, { threads: 2 }),
        toFile(path('copy')),
      ]).finished
    for (let i = 0; i < 5; i += 1) await once()
    const before = { threads: threads(), descriptors: descriptors() }
    for (let i = 0; i < 50; i += 1) await once()
    expect(threads()).toBeLessThanOrEqual(before.threads)
    expect(descriptors()).toBeLessThanOrEqual(before.descriptors)
  })

  const pool = (maxThreads: number) => new Piscina({ minThreads: 1, maxThreads, execArgv: THREAD_ARGS })

  test("of the user's pool serve, and pipelines that need more than are free wait for each other", async () => {
    const own = pool(3)
    try {
      const runs = Array.from({ length: 4 }, () => pipeline([produce(MIB), pass(), consume()], { pool: own }).finished)
      for (const { values } of await Promise.all(runs)) expect(values[2]).toMatchObject({ bytes: MIB })
    } finally {
      await own.destroy()
    }
  })

  test('a pool that is too small is refused at once', async () => {
    const own = pool(4)
    try {
      const parts = [produce(1), inlineParallel('many', (chunk) => chunk, { threads: 3 }), consume()]
      expect(() => pipeline(parts, { pool: own })).toThrow(
        new RangeError(
          'The pipeline needs 5 threads at the same time, but the pool has at most 4: maxThreads must be 5 or more',
        ),
      )
    } finally {
      await own.destroy()
    }
  })
})

describe('bad arguments are refused before anything starts', () => {
  const part = pass()
  test.each<[string, () => unknown, new (message: string) => Error, RegExp]>([
    ['no parts', () => pipeline([]), RangeError, /at least 1 part, not 0/],
    ['no array', () => pipeline('gzip' as unknown as Part[]), TypeError, /must be an array, not "gzip"/],
    ['what is no part', () => pipeline([part, { ...part }]), TypeError, /Part 1 must be a part/],
    ['a source in the middle', () => pipeline([part, fromFd(0)]), TypeError, /fromFd must be the first part/],
    ['a sink in the middle', () => pipeline([toFile('x'), part]), TypeError, /toFile must be the last part/],
    ['a source alone', () => pipeline([fromFile('x')]), TypeError, /nothing takes what it reads/],
    ['a sink alone', () => pipeline([toFd(1)]), TypeError, /there is nothing to write/],
    ['a negative capacity', () => pipeline([part], { capacity: -1 }), RangeError, /capacity must be .*, not -1/],
    ['a signal that is none', () => pipeline([part], { signal: {} as AbortSignal }), TypeError, /AbortSignal/],
    ['onProgress that is no function', () => pipeline([part], { onProgress: 1 as never }), TypeError, /onProgress/],
    ['a pool that is none', () => pipeline([part], { pool: {} as Piscina }), TypeError, /pool/],
    ['a module that is no path', () => stage(5 as unknown as string), TypeError, /path or a URL, not 5/],
    [
      'an empty name',
      () =>
        stage(
          moduleOf(() => {}),
          { name: '' },
        ),
      TypeError,
      /name must be a string/,
    ],
    ['no threads', () => parallel('x', { threads: 0 }), RangeError, /threads must be .* from 1 to 1024, not 0/],
    ['half a byte', () => parallel('x', { chunk: 0.5 }), RangeError, /chunk must be .*, not 0.5/],
    ['no command', () => exec(''), TypeError, /command must be a string/],
    ['arguments that are none', () => exec('ls', [1] as unknown as string[]), TypeError, /arguments of ls/],
    ['a path that is none', () => toFile(''), TypeError, /path must be/],
    ['a descriptor that is none', () => fromFd(-1), RangeError, /from 0 to \d+, not -1/],
  ])('%s', (_, call, type, words) => {
    expect(call).toThrow(type)
    expect(call).toThrow(words)
  })

  test('abort takes an error', async () => {
    const run = pipeline([part])
    expect(() => run.abort('no' as unknown as Error)).toThrow(TypeError)
    await run.finished
  })
})
