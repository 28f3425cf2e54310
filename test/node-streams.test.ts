import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { pipe } from 'threadpipe'
import { toReadable, toWritable } from 'threadpipe/node'
import { describe, expect, test } from 'vitest'
import { counting, handleOf, PATIENT, Side } from './support/sides.ts'
import { failureOf, relay, thread, until } from './support/threads.ts'

const KIB = 1024
const MIB = KIB * KIB

describe('toReadable', () => {
  test('every write of a thread arrives, in order, then the end', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking')
      .writeAll(writer, [counting(5), '', counting(200_000, 3), counting(40_000, 1)])
      .then(() => writer.close())
    const chunks: Buffer[] = []
    for await (const chunk of toReadable(reader)) chunks.push(chunk)
    await sent
    const expected = Buffer.concat([counting(5), counting(200_000, 3), counting(40_000, 1)])
    expect(Buffer.concat(chunks).equals(expected)).toBe(true)
    for (const chunk of chunks) expect(chunk.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test('a slow consumer blocks the writer thread', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, Array(100).fill(counting(64 * KIB)), {})
    const stream = toReadable(reader, { highWaterMark: 64 * KIB })
    await once(stream, 'readable')
    // Full, and one chunk on its way; from then on nothing moves.
    await until(() => writer.stats().bytesWritten >= 64 * KIB)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const { bytesWritten } = writer.stats()
    expect(bytesWritten).toBeLessThanOrEqual(3 * 64 * KIB)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(writer.stats().bytesWritten).toBe(bytesWritten)
    stream.destroy()
    expect((await failureOf(sent)).code).toBe('ERR_PIPE_CLOSED')
  })

  test('1 GiB goes through in flat memory', async () => {
    const { reader, writer } = pipe()
    const total = 1024 * MIB
    const sent = thread().run(
      ({ PipeWriter }, { handle, total }) => {
        const writer = PipeWriter.from(handle)
        const chunk = new Uint8Array(64 * 1024).fill(1)
        for (let sent = 0; sent < total; sent += chunk.length) writer.writeSync(chunk)
        writer.close()
      },
      { handle: handleOf(writer), total },
    )
    const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers
    const before = memory()
    let [got, most] = [0, 0]
    for await (const chunk of toReadable(reader)) {
      got += chunk.length
      if (got % (16 * MIB) < chunk.length) most = Math.max(most, memory() - before)
    }
    await sent
    expect(got).toBe(total)
    // V8 does not collect buffers before 64 MiB of them have come.
    expect(most).toBeLessThan(128 * MIB)
  }, 60_000)

  test("the writer's error destroys the stream", async () => {
    const { reader, writer } = pipe()
    writer.closeWithError(Object.assign(new RangeError('broken'), { code: 'E_BROKEN' }))
    await expect(toReadable(reader).toArray()).rejects.toMatchObject({ name: 'RangeError', code: 'E_BROKEN' })
  })

  test('destroying it closes the reader, with the error, also amid a read', async () => {
    for (const [error, seen] of [
      [undefined, { code: 'ERR_PIPE_CLOSED' }],
      [new RangeError('enough'), { class: 'RangeError', message: 'enough' }],
      ['words', { class: 'Error', message: 'words' }],
    ] as [Error | undefined, object][]) {
      const { reader, writer } = pipe()
      const stream = toReadable(reader)
      stream.on('error', () => {})
      stream.resume()
      await until(() => reader.stats().readerParks > 0)
      const closed = new Promise((resolve) => stream.on('close', resolve))
      stream.destroy(error)
      await closed
      const failure = await failureOf(new Side(thread(), 'blocking').write(writer, 'x'))
      expect(failure).toMatchObject(seen)
    }
  })

  test('destroyed mid-chunk: what was acknowledged had been read', async () => {
    const { reader, writer } = pipe()
    const sent = failureOf(new Side(thread(), 'blocking').writeAll(writer, Array(10).fill(counting(100_000)), {}))
    const stream = toReadable(reader)
    for await (const chunk of stream) if (chunk.length > 0) break
    expect((await sent).code).toBe('ERR_PIPE_CLOSED')
    const { bytesRead, bytesWritten } = reader.stats()
    expect(bytesWritten).toBe(bytesRead)
  })
})

describe('toWritable', () => {
  test('every chunk is written, and the end closes the writer', async () => {
    const { reader, writer } = pipe()
    const read = thread().run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
      handle: handleOf(reader),
    })
    const stream = toWritable(writer)
    stream.write('grüße ')
    stream.write(counting(100_000))
    stream.write(new Uint8Array(0))
    stream.end('ende')
    await once(stream, 'finish')
    const expected = Buffer.concat([Buffer.from('grüße '), counting(100_000), Buffer.from('ende')])
    expect(Buffer.compare(await read, expected)).toBe(0)
  })

  test('it asks to wait while nobody reads, and says when to go on', async () => {
    const { reader, writer } = pipe()
    const stream = toWritable(writer, { highWaterMark: 1000 })
    expect(stream.write(counting(600))).toBe(true)
    expect(stream.write(counting(600))).toBe(false)
    const drained = once(stream, 'drain')
    expect((await new Side(thread(), 'blocking').readAll(reader, [600, 600])).map((c) => c?.length)).toEqual([600, 600])
    await drained
    stream.destroy()
  })

  test("the reader's error, or that nobody reads, destroys the stream", async () => {
    for (const error of [undefined, new RangeError('enough')]) {
      const { reader, writer } = pipe()
      const stream = toWritable(writer)
      const failed = once(stream, 'error')
      stream.write('x')
      reader.closeWithError(error)
      expect((await failed)[0]).toMatchObject(error ? { name: 'RangeError' } : { code: 'ERR_PIPE_CLOSED' })
    }
  })

  test('destroying it before its end is not an end of file', async () => {
    for (const [error, seen] of [
      [undefined, { code: 'ERR_STREAM_PREMATURE_CLOSE' }],
      [Object.assign(new Error('gone'), { code: 'E_GONE' }), { code: 'E_GONE' }],
      ['words', { name: 'Error', message: 'words' }],
    ] as [Error | undefined, object][]) {
      const { reader, writer } = pipe()
      const stream = toWritable(writer)
      stream.on('error', () => {})
      stream.write('pending')
      stream.destroy(error)
      await expect(reader.read(new Uint8Array(8), PATIENT)).rejects.toMatchObject(seen)
    }
  })
})

test('pipeline() from end to end: stream → pipe → thread → pipe → stream', async () => {
  const [there, back] = [pipe(), pipe({ capacity: 10_000 })]
  const copied = relay(there.reader, back.writer)
  const lines = Array.from({ length: 20_000 }, (_, i) => `line ${i}\n`)
  const sink = new PassThrough()
  const got = sink.toArray()
  await Promise.all([
    pipeline(Readable.from(lines), createGzip(), toWritable(there.writer)),
    pipeline(toReadable(back.reader), createGunzip(), sink),
  ])
  await copied
  expect(Buffer.concat(await got).toString()).toBe(lines.join(''))
})

test('an error at one end of pipeline() reaches the other', async () => {
  const { reader, writer } = pipe()
  const failing = Readable.from(
    (async function* () {
      yield 'abc'
      throw new RangeError('broken')
    })(),
  )
  const sent = pipeline(failing, toWritable(writer)).catch((error) => error)
  const received = toReadable(reader).toArray()
  await expect(received).rejects.toMatchObject({ name: 'RangeError', message: 'broken' })
  expect(await sent).toMatchObject({ message: 'broken' })
})

test('what is no half is refused at once, and a handle told from one', () => {
  const { reader, writer } = pipe()
  const make: [make: () => unknown, message: string][] = [
    [() => toReadable({} as never), 'The reader must be a PipeReader, not an object of class Object'],
    [() => toReadable(undefined as never), 'The reader must be a PipeReader, not undefined'],
    [
      () => toReadable(structuredClone(handleOf(reader)) as never),
      'The reader must be a PipeReader, not an object of class Object: rebuild the half with PipeReader.from',
    ],
    [() => toReadable(writer as never), 'The reader must be a PipeReader, not an object of class Object'],
    [() => toWritable(reader as never), 'The writer must be a PipeWriter, not an object of class Object'],
    [
      () => toWritable(structuredClone(handleOf(writer)) as never),
      'The writer must be a PipeWriter, not an object of class Object: rebuild the half with PipeWriter.from',
    ],
  ]
  for (const [attempt, message] of make) expect(attempt).toThrow(new TypeError(message))
})
