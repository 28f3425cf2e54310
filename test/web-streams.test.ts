import { pipe } from 'threadpipe'
import { toReadableStream, toWritableStream } from 'threadpipe/web'
import { describe, expect, test } from 'vitest'
import { counting, handleOf, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, relay, thread, until } from './support/threads.ts'

describe('toReadableStream', () => {
  test('chunks are copies, in order, to the end', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking')
      .writeAll(writer, ['ab', '', counting(100_000)])
      .then(() => writer.close())
    const chunks: Uint8Array[] = []
    for await (const chunk of toReadableStream(reader)) chunks.push(chunk)
    await sent
    expect(Buffer.concat(chunks).equals(Buffer.concat([Buffer.from('ab'), counting(100_000)]))).toBe(true)
    for (const chunk of chunks) expect(chunk.buffer).toBeInstanceOf(ArrayBuffer)
  })

  test("BYOB: into the consumer's own buffer", async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').write(writer, 'abcdef').then(() => writer.close())
    const byob = toReadableStream(reader).getReader({ mode: 'byob' })
    let view = new Uint8Array(new ArrayBuffer(4))
    const seen: (string | null)[] = []
    for (;;) {
      const { done, value } = await byob.read(view)
      if (done) break
      expect(value.buffer.byteLength).toBe(4)
      seen.push(text(value.slice()))
      view = new Uint8Array(value.buffer as ArrayBuffer)
    }
    await sent
    expect(seen).toEqual(['abcd', 'ef'])
  })

  test("the writer's error is the stream's; cancel carries its reason to the writer", async () => {
    const failing = pipe()
    failing.writer.closeWithError(new RangeError('broken'))
    await expect(toReadableStream(failing.reader).getReader().read()).rejects.toThrow(new RangeError('broken'))
    for (const [reason, seen] of [
      [new SyntaxError('enough'), { class: 'SyntaxError', message: 'enough' }],
      ['words', { class: 'Error', message: 'words' }],
      [undefined, { code: 'ERR_PIPE_CLOSED' }],
    ] as const) {
      const { reader, writer } = pipe()
      const stream = toReadableStream(reader)
      const consumer = stream.getReader()
      const read = consumer.read()
      await until(() => reader.stats().readerParks > 0)
      await consumer.cancel(reason)
      expect(await read).toMatchObject({ done: true })
      expect(await failureOf(new Side(thread(), 'blocking').write(writer, 'x'))).toMatchObject(seen)
    }
  })

  test('nothing is read that nobody asked for', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, ['a', 'b', 'c', 'd'], {})
    const consumer = toReadableStream(reader).getReader()
    expect(text((await consumer.read()).value as Uint8Array)).toBe('a')
    await until(() => writer.stats().writerParks > 0)
    expect(reader.stats().bytesRead).toBeLessThanOrEqual(2)
    await consumer.cancel()
    expect((await failureOf(sent)).code).toBe('ERR_PIPE_CLOSED')
  })
})

describe('toWritableStream', () => {
  test('chunks of every kind, then the end', async () => {
    const { reader, writer } = pipe()
    const read = thread().run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
      handle: handleOf(reader),
    })
    const sink = toWritableStream(writer).getWriter()
    await sink.write('grüße')
    await sink.write(counting(100_000))
    await sink.write(new Uint16Array([0x4241]))
    await sink.write(counting(3).buffer as ArrayBuffer)
    await sink.close()
    const expected = Buffer.concat([Buffer.from('grüße'), counting(100_000), Buffer.from('AB'), counting(3)])
    expect(Buffer.compare(await read, expected)).toBe(0)
  })

  test('a chunk is done when readers have taken it', async () => {
    const { reader, writer } = pipe()
    const sink = toWritableStream(writer).getWriter()
    let done = false
    const write = sink.write('abc').then(() => {
      done = true
    })
    await until(() => writer.stats().writerParks > 0)
    expect(done).toBe(false)
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(3)
    await write
  })

  test('abort carries its reason to the reader, the reader its error to the stream', async () => {
    for (const [reason, seen] of [
      [new SyntaxError('enough'), { name: 'SyntaxError', message: 'enough' }],
      [7, { name: 'Error', cause: 7 }],
      [undefined, { name: 'Error', message: 'The stream was aborted' }],
    ] as const) {
      const { reader, writer } = pipe()
      await toWritableStream(writer).abort(reason)
      await expect(reader.read(new Uint8Array(1), PATIENT)).rejects.toMatchObject(seen)
    }
    const { reader, writer } = pipe()
    const sink = toWritableStream(writer).getWriter()
    const write = sink.write('x')
    sink.closed.catch(() => {})
    reader.closeWithError(new RangeError('no more'))
    await expect(write).rejects.toMatchObject({ name: 'RangeError', message: 'no more' })
  })

  test('abort ends a write that waits, and what nobody has read of it is not read', async () => {
    const { reader, writer } = pipe()
    const sink = toWritableStream(writer).getWriter()
    sink.closed.catch(() => {})
    const write = sink.write('never read')
    await until(() => writer.stats().writerParks > 0)
    const reason = new RangeError('enough')
    await Promise.all([expect(write).rejects.toMatchObject({ name: 'AbortError', cause: reason }), sink.abort(reason)])
    await expect(reader.read(new Uint8Array(8), PATIENT)).rejects.toMatchObject({ name: 'RangeError' })
    expect(reader.stats().bytesRead).toBe(0)
  })

  test('chunks that are no bytes', async () => {
    const sink = toWritableStream(pipe().writer).getWriter()
    sink.closed.catch(() => {})
    await expect(sink.write(5 as never)).rejects.toThrow(/^The chunk must be a TypedArray/)
  })
})

test('from a web stream through a thread into a web stream', async () => {
  const [there, back] = [pipe(), pipe({ capacity: 5000 })]
  const copied = relay(there.reader, back.writer)
  const body = new Response('threads '.repeat(50_000)).body as ReadableStream<Uint8Array>
  const sent = body.pipeTo(toWritableStream(there.writer))
  const got = await new Response(toReadableStream(back.reader)).text()
  await Promise.all([sent, copied])
  expect(got).toBe('threads '.repeat(50_000))
})

test('what is no half is refused at once', () => {
  const { reader, writer } = pipe()
  expect(() => toReadableStream(handleOf(reader) as never)).toThrow(
    /^The reader must be a PipeReader, .* PipeReader\.from$/,
  )
  expect(() => toReadableStream(writer as never)).toThrow(TypeError)
  expect(() => toWritableStream(handleOf(writer) as never)).toThrow(
    /^The writer must be a PipeWriter, .* PipeWriter\.from$/,
  )
  expect(() => toWritableStream(undefined as never)).toThrow(TypeError)
})
