import { setTimeout as sleep } from 'node:timers/promises'
import { copySync, PipeReader, pipe } from 'threadpipe'
import { describe, expect, test, vi } from 'vitest'
import { FREE, HANDOFF, LENT, ownerIdentity, READ_LOCK, reservedFor } from '../src/layout.ts'
import { platform } from '../src/platform/node.ts'
import { haunt, NO_TID } from './support/mortals.ts'
import { counting, handleOf, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, threads, until } from './support/threads.ts'

/** Bugs that were found by review and by accident, each as it showed. */

const TIMED_OUT = { code: 'ERR_PIPE_TIMEOUT' }
const DEADLOCK = expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' })

test('a long write in place that times out is not lent room that is not there', async () => {
  const { reader, writer } = pipe({ capacity: 8192 })
  writer.writeSync(counting(8100))
  const fill = (): never => expect.unreachable()
  expect(() => writer.writeInPlaceSync(8192, fill, { timeout: 10 })).toThrow(
    expect.objectContaining({ ...TIMED_OUT, message: expect.stringContaining('within 10 ms'), bytesWritten: 0 }),
  )
  await expect(writer.writeInPlace(8192, fill, { signal: AbortSignal.timeout(10) })).rejects.toThrow(/signal/)
  const pending = reader.read(new Uint8Array(0), PATIENT)
  expect(await pending).toBe(0)
  const target = new Uint8Array(9000)
  expect(reader.readSync(target)).toBe(8100)
  expect(target.subarray(0, 8100)).toEqual(counting(8100))
})

test('a long write in place against an own pending read is a deadlock, not a hang', async () => {
  const { reader, writer } = pipe({ capacity: 8192 })
  const read = reader.read(new Uint8Array(1), PATIENT)
  writer.writeSync(counting(8192))
  expect(() => writer.writeInPlaceSync(5000, () => {}, { timeout: 5000 })).toThrow(DEADLOCK)
  expect(await read).toBe(1)
})

test('C23: a reader that queues when the writer closes drains what is stored before it sees the end', async () => {
  const { reader, writer } = pipe({ capacity: 100 })
  writer.writeSync('stored')
  const held = thread().run(
    ({ PipeReader }, { handle }) => {
      const reader = PipeReader.from(handle)
      return reader.readInPlaceSync(() => {
        const until = performance.now() + 5000
        while (!reader.stats().writerClosed && performance.now() < until);
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
        return 0
      })
    },
    { handle: handleOf(reader) },
  )
  await until(() => Atomics.load(new Int32Array(reader.memory), READ_LOCK) > 0)
  const queued = new Side(thread(), 'blocking').read(reader, 100)
  await until(() => reader.stats().readerParks > 0)
  writer.close()
  expect(await held).toBe(0)
  expect(text(await queued)).toBe('stored')
  // The same with the lock reserved for somebody who does not come.
  const other = pipe({ capacity: 100 })
  other.writer.writeSync('stored')
  other.writer.close()
  Atomics.store(new Int32Array(other.reader.memory), READ_LOCK, reservedFor(3))
  expect(await other.reader.read(new Uint8Array(100), PATIENT)).toBe(6)
})

test('C23: with two readers, whatever was acknowledged before a close is read', async () => {
  for (let round = 0; round < 60; round += 1) {
    const { reader, writer } = pipe({ capacity: 4096 })
    const [a, b, c] = round === 0 ? threads(3) : again
    again = [a, b, c] as typeof again
    const reads = [a, b].map((thread) =>
      thread?.run(
        ({ PipeReader }, { handle }) => {
          const reader = PipeReader.from(handle)
          const target = new Uint8Array(100)
          let got = 0
          try {
            for (let n = reader.readSync(target); n !== null; n = reader.readSync(target)) got += n
          } catch (error) {
            if ((error as Error).message !== 'the end') throw error
          }
          return got
        },
        { handle: handleOf(reader) },
      ),
    )
    const sent = await c?.run(
      ({ PipeWriter }, { handle, count, withError }) => {
        const writer = PipeWriter.from(handle)
        let sent = 0
        for (let i = 0; i < count; i += 1) sent += writer.writeSync(new Uint8Array(1 + ((i * 37) % 300)))
        writer.closeWithError(withError ? new Error('the end') : null)
        return sent
      },
      { handle: handleOf(writer), count: 200 + round, withError: round % 2 === 0 },
    )
    const got = await Promise.all(reads)
    expect((got[0] as number) + (got[1] as number)).toBe(sent)
  }
})
let again: ReturnType<typeof threads> = []

test('a writer that queues does not change what the one before it sleeps for', async () => {
  const { reader, writer } = pipe({ capacity: 4096 })
  const [a, b] = threads(2)
  // B has written 4096 bytes before.
  const big = b?.run(
    ({ PipeWriter }, { handle, gate }) => {
      const writer = PipeWriter.from(handle)
      writer.writeSync(new Uint8Array(4096))
      Atomics.wait(gate, 0, 0, 5000)
      return writer.writeSync('b', { timeout: 8000 })
    },
    { handle: handleOf(writer), gate: gateOf() },
  )
  await until(() => reader.stats().buffered === 4096)
  const small = new Side(a as never, 'blocking').write(writer, 'a')
  await until(() => writer.stats().writerParks > 0)
  const parks = writer.stats().writerParks
  Atomics.store(gate, 0, 1)
  Atomics.notify(gate, 0)
  await until(() => writer.stats().writerParks > parks)
  expect(await reader.read(new Uint8Array(100), PATIENT)).toBe(100)
  expect(await Promise.race([small, sleep(1000, 'still asleep')])).toBe(1)
  expect(await big).toBe(1)
})
let gate: Int32Array = new Int32Array(0)
function gateOf(): Int32Array {
  gate = new Int32Array(new SharedArrayBuffer(4))
  return gate
}

test('a source that is detached while its bytes are lent does not stop the event loop', async () => {
  const { reader, writer } = pipe({ window: 64 })
  const source = counting(200)
  const write = writer.write(source, { timeout: 50 }).catch((error) => error)
  let taken = 0
  const copying = reader.writeTo({
    async write(bytes) {
      if (taken === 0) {
        structuredClone(source, { transfer: [source.buffer as ArrayBuffer] })
        await sleep(150)
      }
      taken += bytes.length
      return bytes.length
    },
  })
  const failure = await write
  expect(failure).toBeInstanceOf(TypeError)
  writer.close()
  expect(await copying).toBe(taken)
  expect(failure.bytesWritten).toBe(taken)
})

test('C16, C26: a destination that never takes its bytes holds no writer after the end', async () => {
  for (const end of ['close', 'abort'] as const) {
    const { reader, writer } = pipe()
    const written = new Side(thread(), 'blocking').writeAll(writer, ['taken', 'not taken'], {})
    let offered = false
    const write = (): Promise<never> => {
      offered = true
      return new Promise(() => {})
    }
    void reader.writeTo({ write })
    await until(() => offered && writer.stats().writerParks > 0)
    if (end === 'close') reader.close()
    else reader.abort(new RangeError('stop'))
    expect(await failureOf(written)).toMatchObject(
      end === 'close' ? { code: 'ERR_PIPE_CLOSED' } : { class: 'RangeError' },
    )
  }
})

test('C6: a writer whose bytes a slow copy has claimed leaves with these counted', async () => {
  const { reader, writer } = pipe({ window: 64 })
  const write = new Side(thread(), 'blocking').write(writer, counting(200), { timeout: 50 })
  let delivered = 0
  const copying = reader.writeTo({
    async write(bytes) {
      await sleep(900)
      delivered += bytes.length
      return bytes.length
    },
  })
  const failure = await failureOf(write)
  expect(failure).toMatchObject({ ...TIMED_OUT })
  writer.close()
  expect(await copying).toBe(delivered)
  expect(failure.bytesWritten).toBe(delivered)
  expect(reader.stats()).toMatchObject({ bytesRead: delivered, bytesWritten: delivered })
})

test('a signal that fires inside the callback of a write in place cancels it', async () => {
  const { reader, writer } = pipe()
  const stop = new AbortController()
  const write = writer.writeInPlace(8, () => stop.abort(new Error('enough')), { signal: stop.signal })
  await expect(write).rejects.toMatchObject({ name: 'AbortError', bytesWritten: 0 })
  const next = writer.write('next', PATIENT)
  expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(4)
  await next
})

test('no false deadlock: a buffered write waits for another writer beside an own pending read', async () => {
  const { reader, writer } = pipe({ capacity: 100 })
  const read = reader.read(new Uint8Array(8), PATIENT)
  const busy = thread().run(
    ({ PipeWriter }, { handle, gate }) =>
      PipeWriter.from(handle).writeInPlaceSync(4, () => {
        Atomics.store(gate, 0, 1)
        Atomics.wait(gate, 0, 1, 150)
      }),
    { handle: handleOf(writer), gate: gateOf() },
  )
  await until(() => Atomics.load(gate, 0) === 1)
  expect(writer.writeSync('x', { timeout: 5000 })).toBe(1)
  expect(await busy).toBe(4)
  expect(await read).toBeGreaterThan(0)
})

test.each([{ capacity: 0 }, { capacity: 100 }])(
  'C29: a read that queues behind another thread, while its own thread holds the write lock: %o',
  async (options) => {
    const { reader, writer } = pipe(options)
    const theirs = new Side(thread(), 'blocking').read(reader, 8)
    await until(() => reader.stats().readerParks > 0)
    let feed: ((n: number | null) => void) | undefined
    const source = {
      read: (target: Uint8Array) =>
        new Promise<number | null>((resolve) => {
          feed = (n) => {
            target.fill(7)
            resolve(n)
          }
        }),
    }
    const copying = writer.readFrom(source)
    await until(() => feed !== undefined)
    expect(() => reader.readSync(new Uint8Array(8), { timeout: 5000 })).toThrow(DEADLOCK)
    feed?.(3)
    expect((await theirs)?.length).toBe(3)
    await sleep(5)
    feed?.(null)
    expect(await copying).toBe(3)
  },
)

test('an error that is thrown again does not speak of this time', () => {
  const { reader, writer } = pipe({ capacity: 1000 })
  const stored = new Error('the same each time')
  let room = 100
  const sink = {
    writeSync(bytes: Uint8Array): number {
      if (room === 0) throw stored
      room -= bytes.length
      return bytes.length
    },
  }
  // The first copy ends with 100 bytes written, and says so on the error; the second takes nothing.
  writer.writeSync(counting(100))
  writer.writeInPlaceSync(1000 - 100, () => 0)
  const copy = () => {
    try {
      reader.writeToSync({
        writeSync: (bytes) => {
          const n = sink.writeSync(bytes)
          writer.writeSync(counting(100))
          return n
        },
      })
    } catch (error) {
      return (error as { bytesWritten: number }).bytesWritten
    }
    return undefined
  }
  expect(copy()).toBe(100)
  expect(copy()).toBe(0)
  expect(reader.stats().buffered).toBe(100)
  const travelled = pipe({ capacity: 100 })
  travelled.writer.writeSync(counting(10))
  travelled.writer.closeWithError(Object.assign(new Error('theirs'), { bytesWritten: 500 }))
  const all = { writeSync: (bytes: Uint8Array) => bytes.length }
  expect(() => travelled.reader.writeToSync(all)).toThrow(expect.objectContaining({ bytesWritten: 10 }))
})

test('C16: the end comes just before the bytes are lent to a destination that never takes them', async () => {
  const { reader, writer } = pipe({ window: 64 })
  const write = writer.write(counting(200)).catch((error) => error)
  // The window is emptied, and the next read is lent what is filled after the end.
  expect(await reader.read(new Uint8Array(64), PATIENT)).toBe(64)
  void reader.writeTo({ write: () => new Promise(() => {}) })
  reader.close()
  expect(await Promise.race([write, sleep(5000, 'still pending')])).toMatchObject({ code: 'ERR_PIPE_CLOSED' })
})

test('no false deadlock: a write that fits waits for one that does not and has a time-out', async () => {
  const { reader, writer } = pipe({ capacity: 100 })
  writer.writeSync(counting(60))
  const big = failureOf(new Side(thread(), 'blocking').write(writer, counting(60), { timeout: 300 }))
  await until(() => writer.stats().writerParks > 0)
  // An own await holds the read lock: the copy it belongs to is at its destination.
  let done = (_: number): void => {}
  const copying = reader.writeTo({ write: (bytes) => new Promise((resolve) => (done = () => resolve(bytes.length))) })
  expect(writer.writeSync('x', { timeout: 5000 })).toBe(1)
  expect(await big).toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
  writer.close()
  const finished = copying.then(() => 'finished')
  while ((await Promise.race([finished, sleep(1, 'more')])) === 'more') done(0)
  expect(reader.stats()).toMatchObject({ bytesRead: 61, bytesWritten: 61 })
})

test('C6: a callback that outlives the end by far still completes its match', async () => {
  const { reader, writer } = pipe()
  const write = new Side(thread(), 'blocking').write(writer, counting(10), {})
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const n = reader.readInPlaceSync(() => {
    reader.close()
    Atomics.wait(gate, 0, 0, 600)
  }, PATIENT)
  expect([n, await write]).toEqual([10, 10])
})

test('a destination that is itself a copy says by its error how much it took', () => {
  const { reader, writer } = pipe({ capacity: 100 })
  writer.writeSync(counting(20))
  const sink = {
    writeSync(bytes: Uint8Array): number {
      let left = 8
      const slow = {
        writeSync(piece: Uint8Array): number {
          if (left === 0) throw new Error('full')
          const n = Math.min(left, piece.length)
          left -= n
          return n
        },
      }
      let given = false
      const source = {
        readSync(target: Uint8Array): number | null {
          if (given) return null
          given = true
          target.set(bytes)
          return bytes.length
        },
      }
      return copySync(slow, source)
    },
  }
  expect(() => reader.writeToSync(sink)).toThrow(expect.objectContaining({ bytesWritten: 8 }))
  expect(reader.stats().buffered).toBe(12)
})

test('pieces with holes are refused', () => {
  const { writer } = pipe()
  const pieces = [new Uint8Array(1)]
  pieces[2] = new Uint8Array(1)
  expect(() => writer.writevSync(pieces)).toThrow(/^The source 1 must be a TypedArray/)
})

test('C31: a slot that says its bytes are lent, while nobody reads, does not hold a time-out for long', async () => {
  const { writer } = pipe()
  const side = new Side(thread(), 'blocking')
  const write = side.write(writer, 'x', { timeout: 50 })
  await until(() => writer.stats().writerParks > 0)
  const words = new Int32Array(writer.memory)
  Atomics.store(words, HANDOFF, LENT)
  const startedMs = performance.now()
  expect(['ERR_PIPE_CORRUPT', 'ERR_PIPE_TIMEOUT']).toContain((await failureOf(write)).code)
  expect(performance.now() - startedMs).toBeLessThan(2000)
})

test('a blocked pipe costs no CPU, queued writers included', async () => {
  const { reader, writer } = pipe()
  const writes = threads(3).map((thread) => failureOf(new Side(thread, 'blocking').write(writer, 'x', {})))
  await until(() => writer.stats().writerParks >= 3)
  await sleep(300)
  const before = process.cpuUsage()
  await sleep(2000)
  const { user, system } = process.cpuUsage(before)
  reader.close()
  await Promise.all(writes)
  // Three threads that each look ten times a second whether the others live, and the test's own timers: 1 % of one core.
  expect((user + system) / 1000).toBeLessThan(40)
  expect(PipeReader.from(handleOf(reader)).stats().readerClosed).toBe(true)
})

test('C24: an awaited call that is cancelled does not overtake those before it when it looks after its peers', async () => {
  const { reader, writer } = pipe()
  const words = new Int32Array(reader.memory)
  Atomics.store(words, READ_LOCK, ownerIdentity(12345, false))
  const first = reader.read(new Uint8Array(1), PATIENT)
  const controller = new AbortController()
  const second = reader.read(new Uint8Array(1), { ...PATIENT, signal: controller.signal })
  const write = writer.write('x', PATIENT)
  Atomics.store(words, READ_LOCK, FREE)
  controller.abort()
  await expect(second).rejects.toMatchObject({ name: 'AbortError' })
  expect(await first).toBe(1)
  expect(await write).toBe(1)
})

test('C28: a thread that polls, and is itself another writer, does not take the death of one for the end', () => {
  const { reader, writer } = pipe({ capacity: 8 })
  expect(writer.writeSync('a')).toBe(1)
  expect(reader.readSync(new Uint8Array(1))).toBe(1)
  haunt(writer, 1, { id: NO_TID, start: 1, thread: 1_000_000 })
  for (const timeout of [0, 150]) {
    expect(() => reader.readSync(new Uint8Array(1), { timeout })).toThrow(expect.objectContaining(TIMED_OUT))
  }
  expect(writer.writeSync('b')).toBe(1)
  expect(reader.readSync(new Uint8Array(1))).toBe(1)
  // Without a time-out nobody else could write any more.
  expect(() => reader.readSync(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ERR_PIPE_PEER_EXITED' }))
})

test('a header before each body costs the view that bodies are copied from only once', async () => {
  const [HEADER, BODY, MESSAGES] = [16, 1024, 20]
  const { reader, writer } = pipe()
  const copy = vi.spyOn(platform, 'copy')
  try {
    const written = thread().run(
      ({ PipeWriter }, { handle, sizes, messages }) => {
        const writer = PipeWriter.from(handle)
        for (let i = 0; i < messages; i += 1) for (const size of sizes) writer.writeSync(new Uint8Array(size))
      },
      { handle: handleOf(writer), sizes: [HEADER, BODY], messages: MESSAGES },
    )
    for (let i = 0; i < MESSAGES; i += 1) {
      for (const size of [HEADER, BODY]) expect(reader.readSync(new Uint8Array(size), PATIENT)).toBe(size)
    }
    await written
    const ofBodies = copy.mock.calls.filter(([, , , , length]) => length === BODY).map(([, , source]) => source)
    expect(ofBodies.length).toBe(MESSAGES)
    // The whole window the first time, then one and the same view.
    expect(new Set(ofBodies).size).toBe(2)
  } finally {
    copy.mockRestore()
  }
})

test('a buffer of more than half a gibibyte can be read in one size', () => {
  const { reader, writer } = pipe({ capacity: 2 ** 29 + 1 })
  const target = new Uint8Array(200)
  for (let i = 0; i < 4; i += 1) {
    writer.writeSync(counting(200, i))
    expect(reader.readSync(target, PATIENT)).toBe(200)
    expect(target).toEqual(counting(200, i))
  }
})

describe.each([{}, { capacity: 3 }])('a call that cannot begin to wait has not been made: %o', (options) => {
  const fail = (): never => {
    throw new RangeError('no room')
  }

  test.each(['its signal', 'the loop'])('for %s', async (what) => {
    const { reader, writer } = pipe(options)
    if (options.capacity !== undefined) writer.writeSync('abc')
    const { signal } = new AbortController()
    const spy =
      what === 'its signal'
        ? vi.spyOn(signal, 'addEventListener').mockImplementation(fail)
        : vi.spyOn(platform, 'holdLoop').mockImplementationOnce(fail)
    await expect(writer.write('lost', { signal })).rejects.toMatchObject({ message: 'no room', bytesWritten: 0 })
    spy.mockRestore()
    const next = writer.write('def', PATIENT)
    const target = new Uint8Array(3)
    if (options.capacity !== undefined) expect(await reader.read(target, PATIENT)).toBe(3)
    expect(await reader.read(target, PATIENT)).toBe(3)
    expect(text(target)).toBe('def')
    expect(await next).toBe(3)
  })
})

test('a call that a signal makes as it is listened to does not end the one that it is for', async () => {
  const { reader, writer } = pipe()
  const { signal } = new AbortController()
  let nested: Promise<number> | undefined
  vi.spyOn(signal, 'addEventListener').mockImplementation(() => {
    nested = writer.write('def', PATIENT)
  })
  const write = writer.write('abc', { signal })
  const target = new Uint8Array(6)
  expect(await reader.read(target, PATIENT)).toBe(3)
  expect(await reader.read(target.subarray(3), PATIENT)).toBe(3)
  expect(text(target)).toBe('abcdef')
  expect([await write, await nested]).toEqual([3, 3])
})

test.each(['a close', 'another read'])(
  'what a signal does as it is looked at does not end the call that it is for: %s',
  async (what) => {
    const { reader, writer } = pipe()
    const { signal } = new AbortController()
    let looks = 0
    let nested: Promise<number | null> | undefined
    Object.defineProperty(signal, 'aborted', {
      get: () => {
        looks += 1
        if (looks !== 2) return false
        if (what === 'a close') reader.close()
        else nested = reader.read(new Uint8Array(3), PATIENT)
        return false
      },
    })
    const read = reader.read(new Uint8Array(3), { signal, ...PATIENT })
    if (what === 'a close') {
      await expect(read).rejects.toMatchObject({ code: 'ERR_PIPE_CLOSED' })
      return
    }
    expect(await writer.write('abc', PATIENT)).toBe(3)
    expect(await writer.write('de', PATIENT)).toBe(2)
    expect([await read, await nested]).toEqual([3, 2])
  },
)

test('a signal that fires as it is listened to cancels the call', async () => {
  const { reader, writer } = pipe()
  const controller = new AbortController()
  const { signal } = controller
  const listen = signal.addEventListener.bind(signal)
  vi.spyOn(signal, 'addEventListener').mockImplementation((...args: unknown[]) => {
    listen(...(args as Parameters<typeof listen>))
    controller.abort(new RangeError('enough'))
  })
  await expect(reader.read(new Uint8Array(3), { signal, ...PATIENT })).rejects.toMatchObject({ name: 'AbortError' })
  // Nobody reads any more.
  await expect(writer.write('abc', { timeout: 10 })).rejects.toMatchObject(TIMED_OUT)
})
