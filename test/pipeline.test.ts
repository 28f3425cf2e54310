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
import type { Part, PipelineStats } from 'threadpipe/pipeline'
import { describe, expect, test } from 'vitest'
import { folder } from './support/folder.ts'
import {
  consume,
  exec,
  fromFd,
  fromFile,
  gzipModule,
  inline,
  inlineParallel,
  moduleOf,
  parallel,
  pass,
  pipeline,
  produce,
  stage,
  toFd,
  toFile,
} from './support/stages.ts'
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

  test('keeps its threads busy though one chunk takes longer than many others', async () => {
    const AHEAD = 30
    const uneven = inlineParallel(
      'uneven',
      (chunk, index, { done, AHEAD }: { done: Int32Array; AHEAD: number }) => {
        if (index > 0) {
          Atomics.add(done, 0, 1)
          Atomics.notify(done, 0)
          return chunk
        }
        // The first chunk is done when many others are: if these waited for it, that would never be.
        for (let n = Atomics.load(done, 0); n < AHEAD; n = Atomics.load(done, 0)) {
          if (Atomics.wait(done, 0, n, 10_000) === 'timed-out') throw new Error(`only ${n} chunks went ahead`)
        }
        return chunk
      },
      { threads: 3, chunk: 1024, data: { done: new Int32Array(new SharedArrayBuffer(4)), AHEAD } },
    )
    const { stats, values } = await pipeline([produce(200 * 1024), uneven, consume()]).finished
    expect(values[2]).toEqual({ bytes: 200 * 1024, inOrder: true })
    expect(stats.parts[1]).toMatchObject({ threads: 3, bytesIn: 200 * 1024, bytesOut: 200 * 1024 })
  })

  test('as many threads as there are cores by default', async () => {
    const gzip = parallel(gzipModule)
    await pipeline([fromFile(path('source')), gzip, toFile(path('source.gz'))]).finished
    expect(gunzipSync(readFileSync(path('source.gz'))).equals(bytes)).toBe(true)
  })
})

describe('figures', () => {
  test('say who waits for whom, while it runs and at the end', async () => {
    const seen: PipelineStats[] = []
    const fast = inline('fast', ({ output }) => {
      const piece = new Uint8Array(64 * 1024)
      for (let i = 0; i < 100; i += 1) output.writeSync(piece)
    })
    const slow = inline('slow', ({ input }) => {
      const nobody = new Int32Array(new SharedArrayBuffer(4))
      const piece = new Uint8Array(64 * 1024)
      for (let i = 0; i < 10; i += 1) {
        input.readSync(piece)
        Atomics.wait(nobody, 0, 0, 100)
      }
    })
    const run = pipeline([fast, slow], { onProgress: (stats) => seen.push(stats), capacity: 64 * 1024 })
    const { stats } = await run.finished
    expect(seen.length).toBeGreaterThanOrEqual(3)
    // What is under way counts: for most of its time the first part is in one wait or the other.
    for (const { bottleneck, parts } of [seen.at(-2), stats] as PipelineStats[]) {
      expect(bottleneck).toBe('slow')
      expect(parts[0]?.waitingForOutput).toBeGreaterThan(0.25)
      for (const { computing, waitingForInput, waitingForOutput } of parts) {
        expect(computing + waitingForInput + waitingForOutput).toBeCloseTo(1)
      }
    }
    expect(stats.parts.map(({ name, kind, state }) => [name, kind, state])).toEqual([
      ['fast', 'stage', 'finished'],
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
    const RUNS = 40
    for (let i = 0; i < RUNS; i += 1) await once()
    // Each has three pipes of 1 MiB, and two of 8 MiB.
    expect(process.memoryUsage().arrayBuffers).toBeLessThan((RUNS * 19 * MIB) / 2)
    expect(threads()).toBeLessThanOrEqual(before.threads)
    expect(descriptors()).toBeLessThanOrEqual(before.descriptors)
  })

  const pool = (maxThreads: number) => new Piscina({ minThreads: 1, maxThreads })

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
