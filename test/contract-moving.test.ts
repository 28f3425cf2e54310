import { type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { counting, handleOf, KINDS, PAIRS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, until } from './support/threads.ts'

const MIB = 1024 * 1024
const written = (writer: PipeWriter) => writer.stats().bytesWritten

describe.each(PAIRS)('$writes writer, $reads reader', ({ writes, reads }) => {
  const meet = (options?: Parameters<typeof pipe>[0]) => ({
    ...pipe(options),
    left: new Side(thread(), writes),
    right: new Side(thread(), reads),
  })

  test('C1: a write returns only when every byte is taken', async () => {
    const { reader, writer, left, right } = meet()
    let returned = false
    const write = left.write(writer, 'abcdef').finally(() => {
      returned = true
    })
    expect(text(await right.read(reader, 5))).toBe('abcde')
    await until(() => writer.stats().writerParks > 0)
    expect(returned).toBe(false)
    expect(writer.stats().writes).toBe(0)
    expect(text(await right.read(reader, 5))).toBe('f')
    expect(await write).toBe(6)
  })

  test('C2: a read takes from one write only', async () => {
    const { reader, writer, left, right } = meet()
    const both = left.writeAll(writer, ['ab', 'cd'])
    expect((await right.readAll(reader, [8, 8])).map(text)).toEqual(['ab', 'cd'])
    await both
  })

  test('C3: one write feeds many reads', async () => {
    const { reader, writer, left, right } = meet()
    const write = left.write(writer, 'abcdef')
    expect((await right.readAll(reader, [4])).map(text)).toEqual(['abcd'])
    expect((await right.readAll(reader, [1, 1])).map(text)).toEqual(['e', 'f'])
    expect(await write).toBe(6)
  })

  test.each([
    ['a window of 64 KiB', { window: 65536 }],
    ['the default window', {}],
    ['a window of 1 byte', { window: 1 }],
  ])('C4: a read of 16 MiB that meets a write of 16 MiB gives 16 MiB, through %s', async (_, options) => {
    const size = 'window' in options && options.window === 1 ? MIB : 16 * MIB
    const { reader, writer } = pipe(options)
    const write = thread().run(
      async ({ ops, PipeWriter }, { handle, kind, size }) => {
        const words = new Uint32Array(size / 4)
        for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i, 0x9e3779b1)
        return ops(kind).write(PipeWriter.from(handle), words, { timeout: 10_000 })
      },
      { handle: handleOf(writer), kind: writes, size },
    )
    const read = await thread().run(
      async ({ ops, PipeReader }, { handle, kind, size }) => {
        const words = new Uint32Array(size / 4 + 1000)
        const n = await ops(kind).read(PipeReader.from(handle), words, { timeout: 10_000 })
        let wrong = 0
        for (let i = 0; i < size / 4; i += 1) if (words[i] !== Math.imul(i, 0x9e3779b1) >>> 0) wrong += 1
        return { n, wrong }
      },
      { handle: handleOf(reader), kind: reads, size },
    )
    expect(read).toEqual({ n: size, wrong: 0 })
    expect(await write).toBe(size)
    expect(reader.stats()).toMatchObject({ reads: 1, writes: 1, bytesRead: size, bytesWritten: size })
  })

  test('C4: reads of odd sizes through a small window give each its full size', async () => {
    const { reader, writer, left, right } = meet({ window: 100 })
    const bytes = counting(5000)
    const write = left.write(writer, bytes)
    const chunks = await right.readAll(reader, [1, 999, 2000, 127, 64, 5000])
    expect(chunks.map((chunk) => chunk?.length)).toEqual([1, 999, 2000, 127, 64, 1809])
    expect(Buffer.concat(chunks as Uint8Array[])).toEqual(Buffer.from(bytes))
    expect(await write).toBe(5000)
  })

  test('C7: a zero-length write waits for a read, which gives 0', async () => {
    const { reader, writer, left, right } = meet()
    let returned = false
    const write = left.write(writer, '').finally(() => {
      returned = true
    })
    await until(() => writer.stats().writerParks > 0)
    expect(returned).toBe(false)
    expect(await right.read(reader, 4096)).toEqual(new Uint8Array(0))
    expect(await write).toBe(0)
  })

  test('C8: a zero-length read waits for a writer and takes nothing', async () => {
    const { reader, writer, left, right } = meet()
    const read = right.read(reader, 0)
    await until(() => reader.stats().readerParks > 0)
    const write = left.write(writer, 'whole')
    expect(await read).toEqual(new Uint8Array(0))
    expect(written(writer)).toBe(0)
    expect(text(await right.read(reader, 64))).toBe('whole')
    expect(await write).toBe(5)
  })

  test('C8: a zero-length read and a zero-length write complete each other', async () => {
    const { reader, writer, left, right } = meet()
    const write = left.write(writer, '')
    expect(await right.read(reader, 0)).toEqual(new Uint8Array(0))
    expect(await write).toBe(0)
  })

  test('C9: zero-length operations on an ended pipe give the end at once', async () => {
    const { reader, writer, left, right } = meet()
    writer.close()
    expect(await right.read(reader, 0)).toBe(null)
    expect(await failureOf(left.write(writer, ''))).toMatchObject({ code: 'ERR_PIPE_CLOSED' })
  })
})

test.each(KINDS)('C5: a $kind read that timed out leaves its target alone for ever', async ({ kind }) => {
  const { reader, writer } = pipe()
  const check = await thread().run(
    async ({ ops, PipeReader, PipeWriter }, { reader, writer, kind }) => {
      const target = new Uint8Array(64).fill(7)
      const half = PipeReader.from(reader)
      let code = ''
      try {
        await ops(kind).read(half, target, { timeout: 5 })
      } catch (error) {
        code = (error as { code: string }).code
      }
      const other = new Uint8Array(64)
      const write = PipeWriter.from(writer).write(new Uint8Array(64).fill(9), { timeout: 5000 })
      const n = await half.read(other, { timeout: 5000 })
      await write
      return { code, n, untouched: target.every((byte) => byte === 7), got: other.every((byte) => byte === 9) }
    },
    { reader: handleOf(reader), writer: handleOf(writer), kind },
  )
  expect(check).toEqual({ code: 'ERR_PIPE_TIMEOUT', n: 64, untouched: true, got: true })
})

test('C6: in races of read, write and close, both sides saw the chunk or neither did', async () => {
  const rounds = 500
  const pipes = Array.from({ length: rounds }, () => pipe({ window: 64, errorBytes: 128 }))
  const gate = new Int32Array(new SharedArrayBuffer(4))
  const [left, middle, right] = [thread(), thread(), thread()]
  const args = { readers: pipes.map((p) => handleOf(p.reader)), writers: pipes.map((p) => handleOf(p.writer)), gate }
  const writes = left.run(({ PipeWriter }, { writers, gate }) => {
    const halves = writers.map((handle) => PipeWriter.from(handle))
    return halves.map((writer, i) => {
      Atomics.add(gate, 0, 1)
      while (Atomics.load(gate, 0) < 3 * (i + 1));
      try {
        return writer.writeSync('abc', { timeout: 5000 })
      } catch (error) {
        return `${(error as { code: string }).code} ${(error as { bytesWritten: number }).bytesWritten}`
      }
    })
  }, args)
  const reads = middle.run(({ PipeReader }, { readers, gate }) => {
    const halves = readers.map((handle) => PipeReader.from(handle))
    return halves.map((reader, i) => {
      Atomics.add(gate, 0, 1)
      while (Atomics.load(gate, 0) < 3 * (i + 1));
      try {
        return reader.readSync(new Uint8Array(8), { timeout: 5000 })
      } catch (error) {
        return (error as { code: string }).code
      }
    })
  }, args)
  const closes = right.run(({ PipeReader, PipeWriter }, { readers, writers, gate }) => {
    const halves = readers.map((handle, i) =>
      i % 2 === 0 ? PipeReader.from(handle) : PipeWriter.from(writers[i] as never),
    )
    halves.forEach((half, i) => {
      Atomics.add(gate, 0, 1)
      while (Atomics.load(gate, 0) < 3 * (i + 1));
      for (let spin = 0; spin < (i * 37) % 400; spin += 1) Atomics.load(gate, 0)
      half.close()
    })
  }, args)
  const [wrote, read] = await Promise.all([writes, reads, closes])
  const outcomes = new Map<string, number>()
  for (let i = 0; i < rounds; i += 1) {
    const outcome = `write ${wrote[i]}, read ${read[i]}`
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  const bothSaw = 'write 3, read 3'
  const neitherReaderClosed = 'write ERR_PIPE_CLOSED 0, read ERR_PIPE_CLOSED'
  const neitherWriterClosed = 'write ERR_PIPE_CLOSED 0, read null'
  const acceptable = [bothSaw, neitherReaderClosed, neitherWriterClosed]
  expect([...outcomes.keys()].filter((outcome) => !acceptable.includes(outcome))).toEqual([])
})

test('a write from one thread is read in the same thread, when both await', async () => {
  const { reader, writer } = pipe({ window: 1024 })
  const bytes = counting(100_000)
  const target = new Uint8Array(200_000)
  const [n, m] = await Promise.all([writer.write(bytes, PATIENT), reader.read(target, PATIENT)])
  expect([n, m]).toEqual([100_000, 100_000])
  expect(Buffer.compare(target.subarray(0, 100_000), bytes)).toBe(0)
})

test('views of every kind, at odd offsets, and strings go over as their bytes', async () => {
  const { reader, writer } = pipe()
  const buffer = counting(64).buffer as ArrayBuffer
  const shared = new SharedArrayBuffer(64)
  new Uint8Array(shared).set(counting(64))
  const sources: [ArrayBufferView | string, Uint8Array][] = [
    [new Uint8Array(buffer, 3, 13), counting(13, 3)],
    [new DataView(buffer, 5, 7), counting(7, 5)],
    [new Float64Array(buffer, 8, 3), counting(24, 8)],
    [new Int16Array(shared, 2, 5), counting(10, 2)],
    [Buffer.from('grüße'), new TextEncoder().encode('grüße')],
    ['grüße €𝄞', new TextEncoder().encode('grüße €𝄞')],
  ]
  const side = new Side(thread(), 'blocking')
  for (const [source, bytes] of sources) {
    const write = side.write(writer, source)
    const target = new DataView(new ArrayBuffer(99), 1, 90)
    const n = await reader.read(target, PATIENT)
    expect(new Uint8Array(target.buffer, 1, n as number)).toEqual(bytes)
    expect(await write).toBe(bytes.length)
  }
})

test.each([
  { window: 64, length: 100, first: 36 },
  { window: 64, length: 100, first: 36, more: 10 },
  { window: 65_536, length: 65_540, first: 4 },
  { window: 262_144, length: 32_772, first: 4 },
])('C2, C4: what is left of a write of $length bytes is as much as lay in its window of $window', async (sizes) => {
  const { window, length, first, more = 0 } = sizes
  const { reader, writer } = pipe({ window })
  const bytes = counting(length)
  const written = writer.write(bytes, PATIENT)
  const parts: Uint8Array[] = []
  for (const size of [first, length - first + more]) {
    const target = new Uint8Array(size)
    parts.push(target.subarray(0, (await reader.read(target, PATIENT)) as number))
  }
  expect(parts.map((part) => part.length)).toEqual([first, length - first])
  expect(Buffer.compare(Buffer.concat(parts), bytes)).toBe(0)
  expect(await written).toBe(length)
})
