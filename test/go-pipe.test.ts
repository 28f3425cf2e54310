import { pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { counting, KINDS, PAIRS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, threads, until } from './support/threads.ts'

/** The cases of Go's own tests of io.Pipe, between real threads, in every mix of blocking and awaited calls. */

describe.each(PAIRS)('$writes writer, $reads reader', ({ writes, reads }) => {
  const meet = () => ({ ...pipe(), left: new Side(thread(), writes), right: new Side(thread(), reads) })

  test('Pipe1: one write, one read', async () => {
    const { reader, writer, left, right } = meet()
    const written = left.write(writer, 'hello, world')
    expect(text(await right.read(reader, 64))).toBe('hello, world')
    expect(await written).toBe(12)
  })

  test('Pipe2: a read for each write, then the end', async () => {
    const { reader, writer, left, right } = meet()
    const sizes = [5, 15, 25, 35, 45]
    const written = left.writeAll(
      writer,
      sizes.map((n) => counting(n, n)),
    )
    const read = right.readAll(reader, [64, 64, 64, 64, 64, 64])
    expect(await written).toEqual(sizes)
    writer.close()
    expect(await read).toEqual([...sizes.map((n) => counting(n, n)), null])
  })

  test('Pipe3: one write, many reads', async () => {
    const { reader, writer, left, right } = meet()
    const written = left.write(writer, counting(128))
    const read = right.readAll(reader, [1, 2, 4, 8, 16, 32, 64, 128, 256])
    expect(await written).toBe(128)
    writer.close()
    const chunks = await read
    expect(chunks.map((chunk) => chunk?.length ?? null)).toEqual([1, 2, 4, 8, 16, 32, 64, 1, null])
    expect(Buffer.concat(chunks.filter((chunk) => chunk !== null))).toEqual(Buffer.from(counting(128)))
  })

  test('WriteEmpty: a zero-length write, then close', async () => {
    const { reader, writer, left, right } = meet()
    const read = right.readFull(reader, 2)
    expect(await left.write(writer, '')).toBe(0)
    writer.close()
    expect(await read).toBe(null)
  })

  test('WriteAfterWriterClose', async () => {
    const { reader, writer, left, right } = meet()
    const read = failureOf(right.readFull(reader, 100))
    expect(await left.write(writer, 'hello')).toBe(5)
    writer.close()
    expect(await failureOf(left.write(writer, 'world'))).toMatchObject({ code: 'ERR_PIPE_CLOSED', bytesWritten: 0 })
    expect(await read).toMatchObject({ code: 'ERR_PIPE_UNEXPECTED_EOF', bytesRead: 5 })
  })
})

const ENDINGS = ['close', 'closeWithError()', 'closeWithError(E)'] as const
const MOMENTS = ['before', 'during'] as const
const endings = KINDS.flatMap(({ kind }) =>
  ENDINGS.flatMap((ending) => MOMENTS.map((moment) => ({ kind, ending, moment }))),
)

function endWith(half: { close(): void; closeWithError(error?: Error): void }, ending: (typeof ENDINGS)[number]): void {
  if (ending === 'close') half.close()
  else if (ending === 'closeWithError()') half.closeWithError()
  else half.closeWithError(new RangeError('E'))
}

test.each(endings)('ReadClose: $ending on the writer, $moment the $kind read', async ({ kind, ending, moment }) => {
  const { reader, writer } = pipe()
  const side = new Side(thread(), kind)
  if (moment === 'before') endWith(writer, ending)
  const read = side.read(reader, 64)
  if (moment === 'during') {
    await until(() => reader.stats().readerParks > 0)
    endWith(writer, ending)
  }
  if (ending === 'closeWithError(E)') expect(await failureOf(read)).toMatchObject({ class: 'RangeError', message: 'E' })
  else expect(await read).toBe(null)
})

test.each(KINDS)('ReadClose2: the reader itself is closed during its $kind read', async ({ kind }) => {
  const { reader } = pipe()
  const read = new Side(thread(), kind).read(reader, 64)
  await until(() => reader.stats().readerParks > 0)
  reader.close()
  expect(await failureOf(read)).toMatchObject({ name: 'PipeError', code: 'ERR_PIPE_CLOSED' })
})

test.each(endings)('WriteClose: $ending on the reader, $moment the $kind write', async ({ kind, ending, moment }) => {
  const { reader, writer } = pipe()
  const side = new Side(thread(), kind)
  if (moment === 'before') endWith(reader, ending)
  const write = side.write(writer, 'hello, world')
  if (moment === 'during') {
    await until(() => writer.stats().writerParks > 0)
    endWith(reader, ending)
  }
  const failure = await failureOf(write)
  if (ending === 'closeWithError(E)') expect(failure).toMatchObject({ class: 'RangeError', message: 'E' })
  else expect(failure).toMatchObject({ name: 'PipeError', code: 'ERR_PIPE_CLOSED' })
  expect(failure.bytesWritten).toBe(0)
})

test.each(KINDS)('WriteClose2: the writer itself is closed during its $kind write', async ({ kind }) => {
  const { writer } = pipe()
  const write = new Side(thread(), kind).write(writer, 'hello, world')
  await until(() => writer.stats().writerParks > 0)
  writer.close()
  expect(await failureOf(write)).toMatchObject({ name: 'PipeError', code: 'ERR_PIPE_CLOSED', bytesWritten: 0 })
})

test.each(KINDS)('PipeCloseError: the first error stays, for $kind calls', async ({ kind }) => {
  const side = new Side(thread(), kind)
  const first = pipe()
  first.reader.closeWithError(new TypeError('E1'))
  expect(await failureOf(side.write(first.writer, ''))).toMatchObject({ class: 'TypeError', message: 'E1' })
  first.reader.closeWithError(new RangeError('E2'))
  expect(await failureOf(side.write(first.writer, ''))).toMatchObject({ class: 'TypeError', message: 'E1' })

  const second = pipe()
  second.writer.closeWithError(new TypeError('E1'))
  expect(await failureOf(side.read(second.reader, 0))).toMatchObject({ class: 'TypeError', message: 'E1' })
  second.writer.closeWithError(new RangeError('E2'))
  expect(await failureOf(side.read(second.reader, 0))).toMatchObject({ class: 'TypeError', message: 'E1' })
})

describe.each(KINDS)('Concurrent, $kind', ({ kind }) => {
  // "0 0 0 0 0 0 0 0 ", "1 1 …": 8 writes of 8 pairs
  const input = Array.from({ length: 8 }, (_, i) => `${i} `.repeat(8))

  test('Write: the bytes of 8 threads do not interleave', async () => {
    const { reader, writer } = pipe()
    const writes = threads(8).map((thread, i) => new Side(thread, kind).write(writer, input[i] as string))
    let output = ''
    const pair = new Uint8Array(2)
    for (let i = 0; i < 64; i += 1) {
      expect(await reader.read(pair, PATIENT)).toBe(2)
      output += text(pair)
    }
    expect(await Promise.all(writes)).toEqual(Array(8).fill(16))
    expect(output.match(/.{16}/g)?.toSorted()).toEqual(input)
  })

  test('Read: 64 reads in 8 threads share 8 writes', async () => {
    const { reader, writer } = pipe()
    const reads = threads(8).map((thread) => new Side(thread, kind).readAll(reader, Array(8).fill(2)))
    for (const line of input) expect(await writer.write(line, PATIENT)).toBe(16)
    const pairs = (await Promise.all(reads)).flat().map(text)
    expect(pairs.toSorted()).toEqual(input.flatMap((line) => line.match(/../g) as string[]))
  })
})
