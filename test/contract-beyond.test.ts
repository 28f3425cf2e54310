import { pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import {
  ENDED,
  HANDOFF,
  READ_LOCK,
  READER_DONE,
  reservedFor,
  SEALED,
  STORED,
  TAKING,
  WRITER_DONE,
  WRITING,
  writingBy,
} from '../src/layout.ts'
import { counting, handleOf, KINDS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, until } from './support/threads.ts'

const TIMED_OUT = { name: 'PipeError', code: 'ERR_PIPE_TIMEOUT' }

describe('C24: either side, either way, call by call', () => {
  test('one half alternates between blocking and awaited calls, against a thread of the other kind', async () => {
    const { reader, writer } = pipe()
    const echoes = thread().run(
      async ({ PipeReader }, { handle }) => {
        const reader = PipeReader.from(handle)
        const byte = new Uint8Array(1)
        const seen: number[] = []
        for (let i = 0; i < 200; i += 1) {
          const n = i % 3 === 0 ? await reader.read(byte, { timeout: 5000 }) : reader.readSync(byte, { timeout: 5000 })
          seen.push(n === null ? -1 : (byte[0] as number))
        }
        return seen
      },
      { handle: handleOf(reader) },
    )
    for (let i = 0; i < 200; i += 1) {
      const byte = Uint8Array.of(i)
      if (i % 2 === 0) expect(writer.writeSync(byte, PATIENT)).toBe(1)
      else expect(await writer.write(byte, PATIENT)).toBe(1)
    }
    expect(await echoes).toEqual(Array.from({ length: 200 }, (_, i) => i))
  })

  test('several writers and readers of both kinds at once', async () => {
    const { reader, writer } = pipe({ window: 128 })
    const kinds = ['blocking', 'awaited', 'blocking', 'awaited'] as const
    const writes = kinds.map((kind, tag) => {
      const sources = Array.from({ length: 50 }, (_, i) => new Uint8Array((i * 31) % 400).fill(tag))
      return new Side(thread(), kind).writeAll(writer, sources)
    })
    const reads = kinds.map((kind) =>
      thread().run(
        async ({ ops, PipeReader }, { handle, kind }) => {
          const reader = PipeReader.from(handle)
          const target = new Uint8Array(100)
          const counts = [0, 0, 0, 0]
          for (;;) {
            const n = await ops(kind).read(reader, target, { timeout: 10_000 })
            if (n === null) return counts
            for (const tag of target.subarray(0, n)) counts[tag] = (counts[tag] as number) + 1
          }
        },
        { handle: handleOf(reader), kind },
      ),
    )
    const sent = await Promise.all(writes)
    writer.close()
    const got = await Promise.all(reads)
    for (const tag of kinds.keys()) {
      const expected = (sent[tag] as number[]).reduce((sum, n) => sum + n, 0)
      expect(got.reduce((sum, counts) => sum + (counts[tag] as number), 0)).toBe(expected)
    }
  })

  test('awaited calls of one half run in the order they were made', async () => {
    const { reader, writer } = pipe()
    const words = ['one', 'two', 'three', 'four']
    const writes = words.map((word) => writer.write(word, PATIENT))
    const side = new Side(thread(), 'blocking')
    expect((await side.readAll(reader, [16, 16, 16, 16])).map(text)).toEqual(words)
    expect(await Promise.all(writes)).toEqual([3, 3, 5, 4])
  })

  test('awaited calls that never have to wait let the event loop turn', async () => {
    const { reader, writer } = pipe()
    const flood = thread().run(
      ({ PipeWriter }, { handle }) => {
        const writer = PipeWriter.from(handle)
        const bytes = new Uint8Array(16)
        try {
          for (;;) writer.writeSync(bytes)
        } catch (error) {
          return (error as { code: string }).code
        }
      },
      { handle: handleOf(writer) },
    )
    let turns = 0
    const turning = setInterval(() => {
      turns += 1
    }, 1)
    const target = new Uint8Array(16)
    for (const endMs = performance.now() + 300; performance.now() < endMs; ) await reader.read(target, PATIENT)
    clearInterval(turning)
    reader.close()
    expect(await flood).toBe('ERR_PIPE_CLOSED')
    expect(turns).toBeGreaterThan(15)
  })
})

describe.each(KINDS)('C25: time, $kind', ({ kind }) => {
  test('a write that times out amid its reads says how many bytes were taken; the pipe stays usable', async () => {
    const { reader, writer } = pipe()
    const [left, right] = [new Side(thread(), kind), new Side(thread(), kind)]
    const write = failureOf(left.write(writer, 'abcdef', { timeout: 200 }))
    expect(text(await right.read(reader, 4))).toBe('abcd')
    expect(await write).toMatchObject({ ...TIMED_OUT, bytesWritten: 4 })
    const next = left.write(writer, 'next')
    expect(text(await right.read(reader, 64))).toBe('next')
    await next
  })

  test('an operation that queues behind others times out too', async () => {
    const { writer } = pipe()
    const first = failureOf(new Side(thread(), kind).write(writer, 'first', { timeout: 400 }))
    await until(() => writer.stats().writerParks > 0)
    const second = await failureOf(new Side(thread(), kind).write(writer, 'second', { timeout: 20 }))
    expect(second).toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
    expect(await first).toMatchObject(TIMED_OUT)
  })
})

describe('C25: signals', () => {
  test('an abort signal cancels a pending call, with its reason; the pipe stays usable', async () => {
    const { reader, writer } = pipe()
    for (const run of [
      (signal: AbortSignal) => reader.read(new Uint8Array(8), { signal }),
      (signal: AbortSignal) => writer.write('abcdef', { signal }),
    ]) {
      const stop = new AbortController()
      const pending = run(stop.signal)
      await until(() => reader.stats().readerParks + reader.stats().writerParks > 0)
      const reason = new Error('no longer wanted')
      stop.abort(reason)
      const error = await pending.catch((error: Error) => error)
      expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
      expect((error as Error).cause).toBe(reason)
    }
    const write = writer.write('fine', PATIENT)
    const target = new Uint8Array(8)
    expect(await reader.read(target, PATIENT)).toBe(4)
    expect(await write).toBe(4)
  })

  test('an aborted signal refuses the call at once; one that fires in the middle tells bytesWritten', async () => {
    const { reader, writer } = pipe()
    await expect(writer.write('x', { signal: AbortSignal.abort('why') })).rejects.toMatchObject({
      name: 'AbortError',
      cause: 'why',
      bytesWritten: 0,
    })
    const stop = new AbortController()
    const write = writer.write('abcdef', { signal: stop.signal })
    expect(await reader.read(new Uint8Array(4), PATIENT)).toBe(4)
    stop.abort()
    await expect(write).rejects.toMatchObject({ name: 'AbortError', bytesWritten: 4 })
    expect(writer.stats()).toMatchObject({ bytesWritten: 4, bytesRead: 4 })
  })

  test('calls that wait in the queue of their half are cancelled without touching the others', async () => {
    const { reader, writer } = pipe()
    const stop = new AbortController()
    const first = writer.write('first', PATIENT)
    const second = writer.write('second', { signal: stop.signal })
    const third = writer.write('third', PATIENT)
    const late = writer.write('late', { timeout: 10 })
    const refused = writer.write('refused', { timeout: 0 })
    stop.abort()
    await expect(second).rejects.toMatchObject({ name: 'AbortError', bytesWritten: 0 })
    await expect(refused).rejects.toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
    await expect(late).rejects.toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
    const target = new Uint8Array(16)
    for (const word of ['first', 'third']) {
      expect(text(target.subarray(0, (await reader.read(target, PATIENT)) as number))).toBe(word)
    }
    expect(await Promise.all([first, third])).toEqual([5, 5])
  })

  test('a signal and a time-out leave no listener and no timer behind', async () => {
    const { reader, writer } = pipe()
    const stop = new AbortController()
    const listened: string[] = []
    const { addEventListener, removeEventListener } = stop.signal
    stop.signal.addEventListener = function (this: AbortSignal, ...args: Parameters<typeof addEventListener>) {
      listened.push('added')
      addEventListener.apply(this, args)
    } as typeof addEventListener
    stop.signal.removeEventListener = function (this: AbortSignal, ...args: Parameters<typeof removeEventListener>) {
      listened.push('removed')
      removeEventListener.apply(this, args)
    } as typeof removeEventListener
    const read = reader.read(new Uint8Array(1), { signal: stop.signal, timeout: 5000 })
    await writer.write('x', PATIENT)
    await read
    expect(listened).toEqual(['added', 'removed'])
  })
})

describe('C25: a match that stalls because the other event loop is busy', () => {
  test('is cut after the time-out, with the bytes that went over, and the pipe stays usable', async () => {
    const { reader, writer } = pipe({ window: 1024 })
    const busy = new Int32Array(new SharedArrayBuffer(8))
    const write = thread().run(
      async ({ PipeWriter }, { handle, busy }) => {
        const write = PipeWriter.from(handle).write(new Uint8Array(100_000), { timeout: 10_000 })
        Atomics.wait(busy, 0, 0, 5000) // its loop does not turn, so the write cannot go on
        return await write
      },
      { handle: handleOf(writer), busy },
    )
    await until(() => writer.stats().writerParks > 0)
    const startedMs = performance.now()
    const failure = await failureOf(new Side(thread(), 'blocking').read(reader, 50_000, { timeout: 50 }))
    expect(failure).toMatchObject({ ...TIMED_OUT, bytesRead: 1024 })
    expect(performance.now() - startedMs).toBeLessThan(2000)
    Atomics.store(busy, 0, 1)
    Atomics.notify(busy, 0)
    expect((await new Side(thread(), 'blocking').read(reader, 200_000))?.length).toBe(100_000 - 1024)
    expect(await write).toBe(100_000)
    expect(reader.stats()).toMatchObject({ bytesRead: 100_000, bytesWritten: 100_000 })
  })

  test.each([
    { name: 'more than the read wants is filled', written: 300, wanted: 100 },
    { name: 'the whole write is filled', written: 100, wanted: 200 },
    { name: 'both are larger than the window', written: 5000, wanted: 3000 },
  ])('a writer that leaves counts what the read gives, and the next write starts afresh: $name', async (sizes) => {
    const { reader, writer } = pipe({ window: 64 })
    // 1: the write is offered; 2: it is being read; 3: the reader's event loop may turn again
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const write = thread().run(
      async ({ PipeWriter }, { handle, gate, bytes }) => {
        const write = PipeWriter.from(handle).write(bytes, { timeout: 100 })
        Atomics.store(gate, 0, 1)
        Atomics.notify(gate, 0)
        Atomics.wait(gate, 0, 1, 8000)
        return await write
      },
      { handle: handleOf(writer), gate, bytes: counting(sizes.written) },
    )
    const read = thread().run(
      async ({ PipeReader }, { handle, gate, wanted }) => {
        Atomics.wait(gate, 0, 0, 8000)
        const target = new Uint8Array(wanted)
        const read = PipeReader.from(handle).read(target, { timeout: 10_000 })
        Atomics.store(gate, 0, 2)
        Atomics.notify(gate, 0)
        Atomics.wait(gate, 0, 2, 8000) // its loop does not turn, so the match stalls
        const n = await read
        return target.slice(0, n ?? 0)
      },
      { handle: handleOf(reader), gate, wanted: sizes.wanted },
    )
    const failure = await failureOf(write)
    Atomics.store(gate, 0, 3)
    Atomics.notify(gate, 0)
    const got = await read
    expect(failure).toMatchObject({ ...TIMED_OUT, bytesWritten: got.length })
    expect(got.length).toBeGreaterThan(0)
    expect(got.length).toBeLessThan(sizes.written)
    expect(got).toEqual(counting(got.length))
    expect(reader.stats()).toMatchObject({ bytesRead: got.length, bytesWritten: got.length })
    const next = new Side(thread(), 'blocking').write(writer, 'next')
    const target = new Uint8Array(8)
    const n = await reader.read(target, PATIENT)
    expect(text(target.subarray(0, n as number))).toBe('next')
    expect(await next).toBe(4)
  })
})

describe('C29: certain deadlock', () => {
  const DEADLOCK = expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' })

  test('a blocking write that only an own pending read could answer', async () => {
    const { reader, writer } = pipe()
    const read = reader.read(new Uint8Array(8), PATIENT)
    expect(() => writer.writeSync('x')).toThrow(DEADLOCK)
    expect(() => writer.writeSync('x', { timeout: 5000 })).toThrow(DEADLOCK)
    expect(() => writer.writeSync('x', { timeout: 0 })).toThrow(expect.objectContaining(TIMED_OUT))
    await writer.write('fine', PATIENT)
    expect(await read).toBe(4)
  })

  test('blocking calls that queue behind an own pending one', async () => {
    const { reader, writer } = pipe()
    const write = writer.write('pending', PATIENT)
    expect(() => writer.writeSync('x')).toThrow(DEADLOCK)
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(7)
    await write
    const read = reader.read(new Uint8Array(8), PATIENT)
    expect(() => reader.readSync(new Uint8Array(8))).toThrow(DEADLOCK)
    await writer.write('x', PATIENT)
    await read
  })

  test('a blocking read takes what an own pending write has offered, if that is there whole', async () => {
    const { reader, writer } = pipe({ window: 1024 })
    const small = writer.write('there', PATIENT)
    expect(reader.readSync(new Uint8Array(8))).toBe(5)
    expect(() => reader.readSync(new Uint8Array(8))).toThrow(DEADLOCK)
    expect(await small).toBe(5)
    const large = writer.write(counting(5000), PATIENT)
    expect(() => reader.readSync(new Uint8Array(2000))).toThrow(DEADLOCK)
    expect(reader.readSync(new Uint8Array(1000))).toBe(1000)
    expect(await reader.read(new Uint8Array(5000), PATIENT)).toBe(4000)
    expect(await large).toBe(5000)
  })

  test('no false alarm: a blocking call waits for another thread beside own awaits of the same kind', async () => {
    const { reader, writer } = pipe()
    const side = new Side(thread(), 'blocking')
    const theirs = side.write(writer, 'theirs')
    await until(() => writer.stats().writerParks > 0)
    const own = writer.write('own', PATIENT) // queues behind theirs
    expect(reader.readSync(new Uint8Array(8), PATIENT)).toBe(6)
    await theirs
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(3)
    expect(await own).toBe(3)
  })
})

describe('what an earlier review found', () => {
  test('C29: awaited calls are on their way at once, however long the event loop has not turned', async () => {
    const warm = pipe()
    const first = warm.writer.write('x', PATIENT)
    expect(await warm.reader.read(new Uint8Array(1), PATIENT)).toBe(1)
    await first
    for (const end = performance.now() + 12; performance.now() < end; );
    const { reader, writer } = pipe()
    const write = writer.write('hello', PATIENT)
    expect(reader.readSync(new Uint8Array(8), { timeout: 1000 })).toBe(5)
    expect(await write).toBe(5)
    const read = reader.read(new Uint8Array(8), PATIENT)
    expect(() => writer.writeSync('x')).toThrow(expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' }))
    await writer.write('x', PATIENT)
    expect(await read).toBe(1)
  })

  test('C29: a blocking read that queues behind a reader which an own pending write keeps waiting', async () => {
    const { reader, writer } = pipe({ window: 64 })
    const write = writer.write(counting(1000), PATIENT)
    const theirs = new Side(thread(), 'blocking').read(reader, 1000)
    const words = new Int32Array(reader.memory)
    while (((words[HANDOFF] as number) & 3) !== TAKING) Atomics.wait(words, HANDOFF, words[HANDOFF] as number, 1)
    expect(() => reader.readSync(new Uint8Array(10), { timeout: 5000 })).toThrow(
      expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' }),
    )
    expect((await theirs)?.length).toBe(1000)
    expect(await write).toBe(1000)
  })

  test('C5, C18: whatever is thrown on the way, the lock is given up and the offer taken back', async () => {
    const { reader, writer } = pipe()
    const { wait } = Atomics
    Atomics.wait = () => {
      throw new TypeError('cannot block here')
    }
    try {
      expect(() => writer.writeSync('late')).toThrow(
        expect.objectContaining({ message: 'cannot block here', bytesWritten: 0 }),
      )
    } finally {
      Atomics.wait = wait
    }
    expect(() => reader.readSync(new Uint8Array(8), { timeout: 0 })).toThrow(expect.objectContaining(TIMED_OUT))
    const write = writer.write('fine', PATIENT)
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(4)
    expect(await write).toBe(4)
  })

  test('a view of a class of its own is taken for its bytes only', async () => {
    class Digest extends Uint8Array {
      constructor(...none: never[]) {
        super(1000)
        if (none.length > 0) throw new Error('a Digest takes no arguments')
      }
      override get length() {
        return 5
      }
    }
    const { reader, writer } = pipe({ window: 64 })
    const write = writer.write(new Digest(), PATIENT)
    const target = new Digest()
    expect(await reader.read(target, PATIENT)).toBe(1000)
    expect(await write).toBe(1000)
  })

  test('C25: a call that may not wait takes over a reservation of the lock that nobody comes for', async () => {
    const { reader, writer } = pipe()
    const write = writer.write('hello', PATIENT)
    Atomics.store(new Int32Array(reader.memory), READ_LOCK, reservedFor(3))
    let n: number | null = null
    await until(() => {
      try {
        n = reader.readSync(new Uint8Array(8), { timeout: 0 })
        return true
      } catch (error) {
        expect(error).toMatchObject(TIMED_OUT)
        return false
      }
    })
    expect(n).toBe(5)
    expect(await write).toBe(5)
  })

  test('C27: a thread that dies while it writes its error down costs the detail, never a hang', async () => {
    const { reader, writer } = pipe()
    Atomics.store(new Int32Array(reader.memory), WRITER_DONE, WRITING)
    const lost = expect.objectContaining({ code: 'ERR_PIPE_PEER_EXITED' })
    expect(() => reader.readSync(new Uint8Array(8), { timeout: 5000 })).toThrow(lost)
    await expect(reader.read(new Uint8Array(8), PATIENT)).rejects.toEqual(lost)
    expect(() => writer.writeSync('x')).toThrow(expect.objectContaining({ code: 'ERR_PIPE_CLOSED' }))
  })

  test('C27: an error that is being written down is waited for, whatever the call before has waited', () => {
    const { reader, writer } = pipe({ capacity: 100 })
    const words = new Int32Array(writer.memory)
    const nobody = 12_345
    // It looks after its peers now, and so not again soon: that would bring the end that is half done to its end.
    writer.writeSync(counting(100))
    expect(() => writer.writeSync('x', { timeout: 0 })).toThrow(expect.objectContaining(TIMED_OUT))
    reader.readSync(new Uint8Array(100))
    // As a closer that is held up leaves them, between one word and the next.
    Atomics.store(words, READER_DONE, writingBy(nobody))
    Atomics.or(words, HANDOFF, ENDED)
    expect(() => writer.writeSync('', { timeout: 0 })).toThrow(expect.objectContaining(TIMED_OUT))
    let sealedMs = Number.NaN
    const fill = (): void => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100)
      Atomics.or(words, STORED, SEALED)
      sealedMs = performance.now()
    }
    const lost = expect.objectContaining({ code: 'ERR_PIPE_PEER_EXITED' })
    expect(() => writer.writeInPlaceSync(3, fill, PATIENT)).toThrow(lost)
    expect(performance.now() - sealedMs).toBeGreaterThan(900)
  })

  test('signals that misbehave leave nothing behind', async () => {
    const { reader, writer } = pipe()
    const signal = new AbortController().signal
    signal.addEventListener = () => {
      throw new Error('boom')
    }
    const target = new Uint8Array(4)
    await expect(reader.read(target, { signal })).rejects.toThrow('boom')
    await expect(writer.write('abcd', { timeout: 20 })).rejects.toMatchObject(TIMED_OUT)
    expect([...target]).toEqual([0, 0, 0, 0])
  })
})

describe('C32: looking never waits', () => {
  test('statistics are the same from either half, and from any thread, while operations wait', async () => {
    const { reader, writer } = pipe()
    const write = new Side(thread(), 'blocking').write(writer, 'abcdef')
    await until(() => writer.stats().writerParks > 0)
    expect(await new Side(thread(), 'blocking').read(reader, 2)).toEqual(new TextEncoder().encode('ab'))
    // It was woken for what was taken, and sleeps on.
    await until(() => writer.stats().writerParks > 1)
    const seen = await thread().run(({ PipeReader }, { handle }) => PipeReader.from(handle).stats(), {
      handle: handleOf(reader),
    })
    // The wait goes on, and is counted as it does.
    expect({ ...seen, writerWaitMs: 0 }).toEqual({ ...writer.stats(), writerWaitMs: 0 })
    expect(seen).toMatchObject({ bytesRead: 2, reads: 1, writes: 0, buffered: 0, capacity: 0, aborted: false })
    reader.close()
    await failureOf(write)
    const { writerWaitMs, bytesWritten } = writer.stats()
    expect(bytesWritten).toBe(2)
    expect(writerWaitMs).toBeGreaterThan(0)
  })

  test.each(KINDS)('a long wait is seen while it lasts ($kind)', async ({ kind }) => {
    const { reader, writer } = pipe()
    const read = new Side(thread(), kind).read(reader, 1)
    await until(() => writer.stats().readerWaitMs > 50)
    expect(writer.stats().reads).toBe(0)
    await writer.write('x', PATIENT)
    await read
  })
})
