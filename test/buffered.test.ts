import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { openMemory } from '../src/memory.ts'
import { counting, handleOf, KINDS, PAIRS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, until } from './support/threads.ts'

/** C23: buffered pipes. */

const TIMED_OUT = { name: 'PipeError', code: 'ERR_PIPE_TIMEOUT' }
const CLOSED = { name: 'PipeError', code: 'ERR_PIPE_CLOSED' }

async function blocked(half: PipeReader | PipeWriter): Promise<void> {
  await until(() => (half.half === 'reader' ? half.stats().readerParks : half.stats().writerParks) > 0)
}

describe.each(PAIRS)('$writes writer, $reads reader', ({ writes, reads }) => {
  const meet = (capacity: number) => ({
    ...pipe({ capacity }),
    left: new Side(thread(), writes),
    right: new Side(thread(), reads),
  })

  test('a write returns once it is stored; reads span writes and give what is there', async () => {
    const { reader, writer, left, right } = meet(100)
    expect(await left.writeAll(writer, ['ab', 'cd', 'ef'])).toEqual([2, 2, 2])
    expect(reader.stats()).toMatchObject({ buffered: 6, capacity: 100, bytesWritten: 6, bytesRead: 0 })
    expect((await right.readAll(reader, [5, 5])).map(text)).toEqual(['abcde', 'f'])
    expect(writer.stats()).toMatchObject({ buffered: 0, bytesRead: 6, reads: 2, writes: 3 })
  })

  test('it blocks while the buffer is full, and a read while it is empty', async () => {
    const { reader, writer, left, right } = meet(10)
    expect(await left.write(writer, counting(10))).toBe(10)
    const more = left.write(writer, 'x')
    await blocked(writer)
    expect(reader.stats().buffered).toBe(10)
    expect((await right.read(reader, 4))?.length).toBe(4)
    expect(await more).toBe(1)
    expect((await right.read(reader, 100))?.length).toBe(7)
    const read = right.read(reader, 100)
    await blocked(reader)
    await left.write(writer, 'late')
    expect(text(await read)).toBe('late')
  })

  test('a short write goes in whole or not at all; a long one as far as it fits', async () => {
    const { reader, writer, left, right } = meet(8192)
    await left.write(writer, counting(5000))
    const short = await failureOf(left.write(writer, counting(4096), { timeout: 20 }))
    expect(short).toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
    expect(reader.stats().buffered).toBe(5000)
    const long = await failureOf(left.write(writer, counting(4097, 5000), { timeout: 20 }))
    expect(long).toMatchObject({ ...TIMED_OUT, bytesWritten: 3192 })
    expect(reader.stats().buffered).toBe(8192)
    const waiting = left.write(writer, counting(1000))
    await blocked(writer)
    expect((await right.read(reader, 8192))?.length).toBe(8192)
    expect(await waiting).toBe(1000)
    expect(await right.read(reader, 8192)).toEqual(counting(1000))
  })

  test.each([1, 7, 100, 4096, 65536])('1 MiB of writes of all sizes through a capacity of %i', async (capacity) => {
    const { reader, writer } = pipe({ capacity })
    const total = capacity < 100 ? 20_000 : 2 ** 20
    const sent = thread().run(
      async ({ ops, PipeWriter }, { handle, kind, total }) => {
        const writer = PipeWriter.from(handle)
        for (let at = 0, i = 1; at < total; i += 1) {
          const n = Math.min(total - at, (i * 7919) % (i % 5 === 0 ? 20_000 : 500))
          const bytes = Uint8Array.from({ length: n }, (_, k) => ((at + k) * 31) % 253)
          at += await ops(kind).write(writer, bytes, { timeout: 10_000 })
        }
        writer.close()
      },
      { handle: handleOf(writer), kind: writes, total },
    )
    const got = await thread().run(
      async ({ ops, PipeReader }, { handle, kind }) => {
        const reader = PipeReader.from(handle)
        let [at, wrong] = [0, 0]
        for (let i = 1; ; i += 1) {
          const target = new Uint8Array((i * 104_729) % (i % 7 === 0 ? 30_000 : 700))
          const n = await ops(kind).read(reader, target, { timeout: 10_000 })
          if (n === null) return { at, wrong }
          for (let k = 0; k < n; k += 1) if (target[k] !== ((at + k) * 31) % 253) wrong += 1
          at += n
        }
      },
      { handle: handleOf(reader), kind: reads },
    )
    await sent
    expect(got).toEqual({ at: total, wrong: 0 })
  })
})

test.each([513, 1000, 1024, 4096, 10_000])(
  'small writes until a buffer of %i bytes is full, over and over, leave what is to be read as it was',
  (capacity) => {
    const { reader, writer } = pipe({ capacity })
    const bytesFrom = (at: number, length: number) =>
      Buffer.from(Array.from({ length }, (_, k) => ((at + k) * 31) % 253))
    let [written, read] = [0, 0]
    for (let i = 0; i < 5000; i += 1) {
      const n = 1 + ((i * 7919) % (i % 2 === 0 ? 70 : 256))
      if (written - read + n > capacity) {
        const target = Buffer.alloc(n + ((i * 104_729) % (capacity - 256)))
        const got = reader.readSync(target, { timeout: 0 }) as number
        expect(target.subarray(0, got).equals(bytesFrom(read, got))).toBe(true)
        read += got
      }
      expect(writer.writeSync(bytesFrom(written, n), { timeout: 0 })).toBe(n)
      written += n
    }
    expect(read).toBeGreaterThan(100_000)
  },
)

describe('a short write that comes over a multiple of 512 bytes of the ring', () => {
  /** A ring of 4096 bytes that all are 0xff and have been read but for so many, which lie at its end. */
  function ringOfOnes(unread: number) {
    const { reader, writer } = pipe({ capacity: 4096 })
    const ones = new Uint8Array(4096).fill(0xff)
    writer.writeSync(ones)
    reader.readSync(ones.subarray(unread))
    const { window } = openMemory(writer.memory)
    /** Where the ring has changed but where something was written. */
    const claimed = (written: number) =>
      [...window.subarray(0, 4096).entries()].flatMap(([at, byte]) => (at >= written && byte !== 0xff ? [at] : []))
    return { writer, claimed }
  }

  test('stores into each cache line that begins before the next one, and nowhere else', () => {
    const { writer, claimed } = ringOfOnes(0)
    writer.writeSync(new Uint8Array(300).fill(1))
    writer.writeSync(new Uint8Array(60).fill(1))
    expect(claimed(360)).toEqual([])
    writer.writeSync(new Uint8Array(153).fill(1))
    expect(claimed(513)).toEqual([576, 640, 704, 768, 832, 896, 960])
  })

  test('not where there is no room', () => {
    const { writer, claimed } = ringOfOnes(4096 - 641)
    writer.writeSync(new Uint8Array(412).fill(1))
    writer.writeSync(new Uint8Array(200).fill(1))
    expect(claimed(612)).toEqual([640])
  })

  test.each([
    [256, [512, 576, 640, 704, 768, 832, 896, 960]],
    [257, []],
  ])('%i bytes', (size, lines) => {
    const { writer, claimed } = ringOfOnes(0)
    writer.writeSync(new Uint8Array(512 - size).fill(1))
    writer.writeSync(new Uint8Array(size).fill(1))
    expect(claimed(512)).toEqual(lines)
  })
})

describe.each(KINDS)('$kind: ends', ({ kind }) => {
  const side = () => new Side(thread(), kind)

  test('after the writer closes, readers drain what is stored and then see the end', async () => {
    for (const error of [undefined, new RangeError('E')]) {
      const { reader, writer } = pipe({ capacity: 100 })
      await side().write(writer, 'stored')
      writer.closeWithError(error)
      expect(await failureOf(side().write(writer, 'x'))).toMatchObject({ ...CLOSED, bytesWritten: 0 })
      const half = side()
      expect(text(await half.read(reader, 4))).toBe('stor')
      expect(reader.stats().buffered).toBe(2)
      expect(text(await half.read(reader, 4))).toBe('ed')
      if (error === undefined) expect(await half.read(reader, 4)).toBe(null)
      else expect(await failureOf(half.read(reader, 4))).toMatchObject({ class: 'RangeError', message: 'E' })
    }
  })

  test('after the reader closes, what is stored is dropped and writers fail at once', async () => {
    const { reader, writer } = pipe({ capacity: 10 })
    await side().write(writer, counting(10))
    const waiting = failureOf(side().write(writer, 'x'))
    await blocked(writer)
    reader.closeWithError(new RangeError('E'))
    expect(await waiting).toMatchObject({ class: 'RangeError', bytesWritten: 0 })
    expect(await failureOf(side().read(reader, 1))).toMatchObject(CLOSED)
    expect(writer.stats()).toMatchObject({ buffered: 0, readerClosed: true })
  })

  test('an abort ends both halves at once, whatever is stored', async () => {
    const { reader, writer } = pipe({ capacity: 10 })
    await side().write(writer, 'stored')
    writer.close()
    writer.abort(new SyntaxError('stop'))
    expect(await failureOf(side().read(reader, 1))).toMatchObject({ class: 'SyntaxError' })
    expect(await failureOf(side().write(writer, ''))).toMatchObject({ class: 'SyntaxError' })
  })

  test('closing amid a long write: what was stored of it is counted, and read', async () => {
    const { reader, writer } = pipe({ capacity: 1000 })
    const write = failureOf(side().write(writer, counting(5000)))
    await blocked(writer)
    expect((await side().read(reader, 700))?.length).toBe(700)
    await until(() => reader.stats().buffered === 1000)
    writer.close()
    const { bytesWritten } = await write
    expect(bytesWritten).toBe(1700)
    expect(await side().read(reader, 5000)).toEqual(counting(1000, 700))
    expect(await side().read(reader, 5000)).toBe(null)
  })

  test('zero lengths: nothing to wait for on an open pipe, the end on an ended one', async () => {
    const { reader, writer } = pipe({ capacity: 10 })
    const half = side()
    expect(await half.write(writer, '')).toBe(0)
    expect(await half.read(reader, 0)).toEqual(new Uint8Array(0))
    await half.write(writer, counting(10))
    const waits = failureOf(side().write(writer, 'x'))
    await blocked(writer)
    expect(await half.write(writer, '')).toBe(0)
    writer.close()
    await waits
    expect(await half.read(reader, 0)).toEqual(new Uint8Array(0))
    expect((await half.read(reader, 10))?.length).toBe(10)
    expect(await half.read(reader, 0)).toBe(null)
    expect(await failureOf(half.write(writer, ''))).toMatchObject(CLOSED)
  })

  test('time-outs and deadlocks', async () => {
    const { reader, writer } = pipe({ capacity: 10 })
    expect(await failureOf(side().read(reader, 1, { timeout: 10 }))).toMatchObject(TIMED_OUT)
    expect(await side().write(writer, counting(10), { timeout: 0 })).toBe(10)
    expect(await failureOf(side().write(writer, 'x', { timeout: 0 }))).toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
    expect((await side().read(reader, 20, { timeout: 0 }))?.length).toBe(10)
    const pending = reader.read(new Uint8Array(1), PATIENT)
    expect(writer.writeSync(counting(10))).toBe(10)
    expect(() => writer.writeSync('x')).toThrow(expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' }))
    expect(await pending).toBe(1)
  })
})

test('C19: writes of 4 threads stay whole, at any size, and all that was acknowledged is read, whenever it is closed', async () => {
  for (const [round, capacity] of [100, 5000, 65536, 5000].entries()) {
    const { reader, writer } = pipe({ capacity })
    const count = 300
    const sent = [0, 1, 2, 3].map((tag) =>
      thread().run(
        async ({ ops, PipeWriter }, { handle, tag, count }) => {
          const writer = PipeWriter.from(handle)
          let sent = 0
          try {
            for (let i = 0; i < count; i += 1) {
              const size = 8 + ((i * 7919 + tag) % (i % 10 === 0 ? 20_000 : 300))
              const message = new Uint8Array(size).fill(tag + 1, 8)
              new DataView(message.buffer).setUint32(0, size)
              sent += await ops(tag % 2 === 0 ? 'blocking' : 'awaited').write(writer, message)
            }
          } catch (error) {
            sent += (error as { bytesWritten: number }).bytesWritten
          }
          return sent
        },
        { handle: handleOf(writer), tag, count },
      ),
    )
    const received = thread().run(
      ({ PipeReader, readFullSync }, { handle }) => {
        const reader = PipeReader.from(handle)
        const header = new DataView(new ArrayBuffer(8))
        let [got, torn] = [0, 0]
        for (;;) {
          try {
            if (readFullSync(reader, new Uint8Array(header.buffer)) === null) return { got, torn }
            const body = new Uint8Array(header.getUint32(0) - 8)
            got += 8
            if (body.length > 0) readFullSync(reader, body)
            got += body.length
            if (body.some((byte) => byte !== body[0])) torn += 1
          } catch (error) {
            // The last write may have been closed amid.
            return { got: got + ((error as { bytesRead?: number }).bytesRead ?? 0), torn }
          }
        }
      },
      { handle: handleOf(reader) },
    )
    if (round === 3) {
      await until(() => reader.stats().bytesRead > 300_000)
      writer.close()
    }
    const total = (await Promise.all(sent)).reduce((sum, n) => sum + n, 0)
    writer.close()
    expect(await received).toEqual({ got: total, torn: 0 })
    expect(reader.stats()).toMatchObject({ bytesWritten: total, bytesRead: total })
  }
})

test('a write in place of nothing counts no more than a write of nothing', () => {
  const { writer } = pipe({ capacity: 100 })
  expect(writer.writeSync(new Uint8Array(0))).toBe(0)
  expect(writer.stats().writes).toBe(0)
  expect(writer.writeInPlaceSync(10, () => 0)).toBe(0)
  expect(writer.writeInPlaceSync(0, () => {})).toBe(0)
  expect(writer.stats().writes).toBe(0)
})
