import { type PipeHandle, PipeReader, PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import {
  DRAINED,
  ERROR_BYTES,
  FILLED,
  HANDOFF,
  LEFT,
  MAGIC,
  READ_LOCK,
  STARTED,
  VERSION,
  WINDOW,
  WRITE_LOCK,
} from '../src/layout.ts'
import { handleOf, PATIENT } from './support/sides.ts'
import { thread } from './support/threads.ts'

/** C31: bad input is refused, with a message that names it, before anything is touched. */

const NO_VIEWS = [undefined, null, 5, {}, [1, 2], new ArrayBuffer(8), new SharedArrayBuffer(8), Symbol('x'), () => 1]

function detached(): Uint8Array {
  const bytes = new Uint8Array(8)
  structuredClone(bytes, { transfer: [bytes.buffer] })
  return bytes
}

/** Runs a call that must be refused, on a pipe that must not notice. */
async function refused(
  call: (p: ReturnType<typeof pipe>) => unknown,
  Class: typeof Error,
  words: RegExp,
): Promise<void> {
  const p = pipe()
  const before = p.reader.memory.slice(0)
  let error: unknown
  try {
    await call(p)
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(Class)
  expect((error as Error).message).toMatch(words)
  expect(Buffer.compare(Buffer.from(p.reader.memory), Buffer.from(before))).toBe(0)
}

describe('bytes', () => {
  test.each(NO_VIEWS)('%s is no target and no source', async (value) => {
    const never = value as never
    for (const call of [
      (p: ReturnType<typeof pipe>) => p.reader.readSync(never),
      (p: ReturnType<typeof pipe>) => p.reader.read(never),
    ]) {
      await refused(call, TypeError, /^The target must be a TypedArray, a Buffer or a DataView, not /)
    }
    for (const call of [
      (p: ReturnType<typeof pipe>) => p.writer.writeSync(never),
      (p: ReturnType<typeof pipe>) => p.writer.write(never),
    ]) {
      await refused(call, TypeError, /^The source must be a TypedArray, a Buffer or a DataView, not /)
    }
  })

  test('detached buffers', async () => {
    await refused((p) => p.reader.readSync(detached()), TypeError, /target .*detached/)
    await refused((p) => p.reader.read(new DataView(detached().buffer, 0, 0)), TypeError, /detached/)
    await refused((p) => p.writer.writeSync(detached()), TypeError, /source .*detached/)
    await refused((p) => p.writer.write(detached()), TypeError, /source .*detached/)
  })

  test('a buffer that is detached while the call is pending is not touched, and nothing is lost', async () => {
    const { reader, writer } = pipe({ window: 64 })
    const target = new Uint8Array(8)
    const read = reader.read(target, PATIENT)
    structuredClone(target, { transfer: [target.buffer] })
    const write = writer.write('abcdefgh', PATIENT)
    await expect(read).rejects.toThrow(/detached or resized to 0 bytes/)
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(8)
    expect(await write).toBe(8)

    const source = new Uint8Array(1000).fill(7)
    const long = writer.write(source, PATIENT)
    const got = new Uint8Array(10)
    expect(await reader.read(got, PATIENT)).toBe(10)
    structuredClone(source, { transfer: [source.buffer] })
    const rest = reader.read(new Uint8Array(1000), { timeout: 300 }).catch((error: Error) => error)
    const failure = await long.catch((error: Error & { bytesWritten: number }) => error)
    expect(failure).toBeInstanceOf(TypeError)
    const n = await rest
    const counted = 10 + (typeof n === 'number' ? n : ((n as { bytesRead?: number })?.bytesRead ?? 0))
    expect((failure as { bytesWritten: number }).bytesWritten).toBe(counted)
    expect(reader.stats().bytesRead).toBe(8 + counted)
  })
})

describe('time-outs and signals', () => {
  test.each([-1, -0.001, Number.NaN, -Infinity])('a time-out of %d is out of range', async (timeout) => {
    const words = /^The timeout must be 0 or more milliseconds, not /
    await refused((p) => p.reader.readSync(new Uint8Array(1), { timeout }), RangeError, words)
    await refused((p) => p.writer.write('x', { timeout }), RangeError, words)
  })

  test.each(['5', null, {}, 5n, true])('a time-out of %s is no number', async (timeout) => {
    const options = { timeout } as never
    const words = /^The timeout must be a number of milliseconds, not /
    await refused((p) => p.reader.read(new Uint8Array(1), options), TypeError, words)
    await refused((p) => p.writer.writeSync('x', options), TypeError, words)
  })

  test('options and signals of the wrong kind', async () => {
    await refused((p) => p.reader.readSync(new Uint8Array(1), 5 as never), TypeError, /^The options must be an object/)
    for (const signal of [null, 'stop', {}, { aborted: false, addEventListener() {} }]) {
      const options = { signal } as never
      await refused((p) => p.reader.read(new Uint8Array(1), options), TypeError, /^The signal must be an AbortSignal/)
    }
  })

  test('an infinite time-out and one beyond what timers take wait', async () => {
    const { reader, writer } = pipe()
    for (const timeout of [Infinity, 2 ** 40]) {
      const read = reader.read(new Uint8Array(1), { timeout })
      await writer.write('x', PATIENT)
      expect(await read).toBe(1)
    }
  })
})

describe('errors to end with', () => {
  test.each(['text', 5, {}, [], true])('%s is no error', async (value) => {
    const never = value as never
    await refused((p) => p.writer.closeWithError(never), TypeError, /^The error must be an /)
    await refused((p) => p.reader.abort(never), TypeError, /^The error must be an /)
  })

  test('abort needs one', async () => {
    await refused((p) => p.reader.abort(undefined as never), TypeError, /^The error must be an object, not undefined/)
    await refused((p) => p.writer.abort(null as never), TypeError, /^The error must be an object, not null/)
  })
})

describe('options of a pipe', () => {
  test.each([
    ['window', [0, -1, 1.5, Number.NaN, Infinity, 2 ** 30 + 1, 2 ** 31, 2 ** 53]],
    ['capacity', [-1, 0.5, Number.NaN, Infinity, 2 ** 30 + 1, 2 ** 31]],
    ['errorBytes', [0, 127, -1, Number.NaN, 2 ** 24 + 1, 1e9]],
  ])('%s out of range', (name, values) => {
    for (const value of values) {
      const words = new RegExp(`^${name} must be a whole number of bytes from \\d+ to \\d+, not ${value}$`)
      expect(() => pipe({ [name]: value })).toThrow(RangeError)
      expect(() => pipe({ [name]: value })).toThrow(words)
    }
    for (const value of ['1', null, {}, 1n]) expect(() => pipe({ [name]: value as never })).toThrow(TypeError)
  })

  test('no object', () => {
    for (const options of [null, 5, 'x']) expect(() => pipe(options as never)).toThrow(/^The options must be an object/)
  })

  test('more than there is memory', () => {
    const real = globalThis.SharedArrayBuffer
    globalThis.SharedArrayBuffer = class {
      constructor(bytes: number) {
        throw new RangeError(`Array buffer allocation failed: ${bytes}`)
      }
    } as never
    try {
      expect(() => pipe({ capacity: 2 ** 30 })).toThrow(RangeError)
      expect(() => pipe({ window: 2 ** 30 })).toThrow(/^Cannot make a pipe: \d+ bytes of shared memory cannot be had$/)
    } finally {
      globalThis.SharedArrayBuffer = real
    }
  })

  test('the largest capacity works, and takes memory only as it is used', () => {
    const { reader, writer } = pipe({ capacity: 2 ** 30 })
    const before = process.memoryUsage().rss
    expect(writer.writeSync('x')).toBe(1)
    expect(reader.readSync(new Uint8Array(8))).toBe(1)
    expect(writer.writeInPlaceSync(2 ** 30, () => 1)).toBe(1)
    expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 28)
  })

  test('windows of 1 and 7 bytes work', async () => {
    for (const window of [1, 7]) {
      const { reader, writer } = pipe({ window })
      const write = writer.write('0123456789', PATIENT)
      expect(await reader.read(new Uint8Array(16), PATIENT)).toBe(10)
      expect(await write).toBe(10)
    }
  })
})

describe('handles', () => {
  test('of the other half, of nothing, of other memory', () => {
    const { reader, writer } = pipe()
    expect(() => PipeReader.from(writer)).toThrow(/^Cannot make a reader of a handle whose half is "writer"/)
    expect(() => PipeWriter.from(reader)).toThrow(/^Cannot make a writer of a handle whose half is "reader"/)
    for (const handle of [undefined, null, 5, 'reader']) {
      expect(() => PipeReader.from(handle as never)).toThrow(/^The handle must be an object/)
    }
    for (const memory of [undefined, null, new ArrayBuffer(8192), {}, new Uint8Array(8)]) {
      expect(() => PipeReader.from({ memory, half: 'reader' } as never)).toThrow(/must be a SharedArrayBuffer/)
    }
    for (const size of [0, 1, 63, 100, 65536, 300_001]) {
      const handle: PipeHandle = { memory: new SharedArrayBuffer(size), half: 'reader' }
      expect(() => PipeReader.from(handle)).toThrow(TypeError)
    }
  })

  test('over memory of another version, or with sizes that do not fit', () => {
    const spoilt = (word: number, value: number): PipeHandle => {
      const { reader } = pipe()
      new Int32Array(reader.memory)[word] = value
      return handleOf(reader)
    }
    expect(() => PipeReader.from(spoilt(MAGIC, 1))).toThrow(/was not made by pipe\(\)/)
    expect(() => PipeReader.from(spoilt(VERSION, 99))).toThrow(/is of version 99, this is version 5/)
    for (const [word, value] of [
      [WINDOW, 2 ** 29],
      [WINDOW, -1],
      [ERROR_BYTES, 0x7fffffff],
      [ERROR_BYTES, 0],
    ] as const) {
      expect(() => PipeReader.from(spoilt(word, value))).toThrow(/does not fit the sizes written in it/)
    }
  })

  test('have exactly two own properties, and survive cloning', () => {
    const { reader, writer } = pipe()
    expect(Object.keys(reader).toSorted()).toEqual(['half', 'memory'])
    expect(Reflect.ownKeys(writer).toSorted()).toEqual(['half', 'memory'])
    const clone = structuredClone(writer as PipeHandle)
    const write = PipeWriter.from(clone).write('x', PATIENT)
    expect(reader.readSync(new Uint8Array(1), PATIENT)).toBe(1)
    return write
  })
})

describe('C31: control words that somebody scribbles over', () => {
  const WORDS = [HANDOFF, STARTED, FILLED, DRAINED, READ_LOCK, WRITE_LOCK, LEFT * 2, LEFT * 2 + 1]

  test('no call ignores its time-out, reads outside the window, or throws something else than a PipeError', async () => {
    const seed = Date.now() % 1e6
    console.log(`seed ${seed}`)
    const { reader, writer } = pipe({ window: 1024 })
    const stop = new Int32Array(new SharedArrayBuffer(4))
    const scribbling = thread().run(
      (_scope, { memory, words, stop, seed }) => {
        const shared = new Int32Array(memory)
        let state = seed + 1
        const random = (n: number): number => {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0
          return state % n
        }
        const values = [0, 1, 2, 3, 4, 5, 6, -1, 0x7fffffff, 1024, 4096]
        while (Atomics.wait(stop, 0, 0, 1) !== 'not-equal') {
          const value = random(2) === 0 ? (values[random(values.length)] as number) : random(2 ** 31)
          Atomics.store(shared, words[random(words.length)] as number, value)
        }
      },
      { memory: reader.memory, words: WORDS, stop, seed },
    )
    const busy = (who: 'reads' | 'writes') =>
      thread().run(
        async ({ PipeReader, PipeWriter }, { reader, writer, who }) => {
          const half = who === 'reads' ? PipeReader.from(reader) : PipeWriter.from(writer)
          const outcomes: Record<string, number> = {}
          let worstMs = 0
          for (let i = 0; i < 60; i += 1) {
            const startedMs = performance.now()
            let outcome = 'done'
            try {
              const bytes = new Uint8Array((i * 997) % 5000)
              const options = { timeout: 10 }
              if ('readSync' in half) i % 2 === 0 ? half.readSync(bytes, options) : await half.read(bytes, options)
              else i % 2 === 0 ? half.writeSync(bytes, options) : await half.write(bytes, options)
            } catch (error) {
              outcome = (error as { code?: string }).code ?? String(error)
            }
            outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
            worstMs = Math.max(worstMs, performance.now() - startedMs)
          }
          return { outcomes, worstMs }
        },
        { reader: handleOf(reader), writer: handleOf(writer), who },
      )
    const results = await Promise.all([busy('reads'), busy('writes')])
    Atomics.store(stop, 0, 1)
    Atomics.notify(stop, 0)
    await scribbling
    const known = ['done', 'ERR_PIPE_CLOSED', 'ERR_PIPE_TIMEOUT', 'ERR_PIPE_CORRUPT', 'ERR_PIPE_PEER_EXITED']
    for (const { outcomes, worstMs } of results) {
      expect(Object.keys(outcomes).filter((outcome) => !known.includes(outcome))).toEqual([])
      expect(worstMs).toBeLessThan(3000)
    }
  })
})

test('C31: an object that only says it is a SharedArrayBuffer is refused with a TypeError', () => {
  const memory = { [Symbol.toStringTag]: 'SharedArrayBuffer', byteLength: 4096 }
  expect(() => PipeReader.from({ memory, half: 'reader' } as never)).toThrow(TypeError)
})

test('C31: a handle whose memory changes from look to look is looked at once', () => {
  const { memory } = pipe().reader
  let looks = 0
  const handle = {
    half: 'reader' as const,
    get memory() {
      looks += 1
      return looks === 1 ? memory : (undefined as never)
    },
  }
  expect(PipeReader.from(handle).memory).toBe(memory)
})

test('C31: a typed array beyond the end of its shrunk buffer is refused, as a DataView is', () => {
  const { reader, writer } = pipe({ capacity: 16 })
  const memory = new ArrayBuffer(16, { maxByteLength: 32 })
  const view = new Uint16Array(memory, 8, 4)
  memory.resize(4)
  expect(() => writer.writeSync(view)).toThrow(/detached or has shrunk/)
  expect(() => writer.writevSync([view])).toThrow(/detached or has shrunk/)
  expect(() => reader.readSync(view)).toThrow(/detached or has shrunk/)
})
