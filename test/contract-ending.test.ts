import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { counting, handleOf, KINDS, PAIRS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, threads, until } from './support/threads.ts'

const CLOSED = { class: 'PipeError', name: 'PipeError', code: 'ERR_PIPE_CLOSED' }

/** Waits until an operation of each of these halves is asleep. */
async function blocked(half: PipeReader | PipeWriter, count = 1): Promise<void> {
  await until(() => (half.half === 'reader' ? half.stats().readerParks : half.stats().writerParks) >= count)
}

describe.each(KINDS)('$kind', ({ kind }) => {
  const side = () => new Side(thread(), kind)

  test('C10: closing never throws, may be repeated, and works from a thread that holds the half', async () => {
    const { reader, writer } = pipe()
    const read = side().read(reader, 8)
    await blocked(reader)
    await thread().run(
      ({ PipeWriter }, { handle }) => {
        const writer = PipeWriter.from(handle)
        for (let i = 0; i < 3; i += 1) {
          writer.close()
          writer.closeWithError(new Error('later'))
        }
      },
      { handle: handleOf(writer) },
    )
    expect(await read).toBe(null)
    for (const half of [reader, writer]) {
      half.close()
      half.closeWithError()
      half.closeWithError(null)
      half.abort(new Error('after all'))
      half.close()
    }
  })

  test('C12: own operations after an own close never see the own error', async () => {
    const { reader, writer } = pipe()
    writer.closeWithError(new Error('mine'))
    expect(await failureOf(side().write(writer, 'x'))).toMatchObject({ ...CLOSED, bytesWritten: 0 })
    const other = pipe()
    other.reader.closeWithError(new Error('mine'))
    expect(await failureOf(side().read(other.reader, 1))).toMatchObject(CLOSED)
    expect(await failureOf(side().read(reader, 1))).toMatchObject({ message: 'mine' })
  })

  test('C13: a clean close is not replaced by a later error', async () => {
    const { reader, writer } = pipe()
    writer.close()
    writer.closeWithError(new Error('too late'))
    expect(await side().read(reader, 1)).toBe(null)
    const other = pipe()
    other.reader.close()
    other.reader.closeWithError(new Error('too late'))
    expect(await failureOf(side().write(other.writer, 'x'))).toMatchObject(CLOSED)
  })

  test.each(['reader first', 'writer first'])('C14: both closed, %s: custom errors are not seen', async (order) => {
    const { reader, writer } = pipe()
    const halves = order === 'reader first' ? [reader, writer] : [writer, reader]
    for (const half of halves) half.closeWithError(new Error(`of the ${half.half}`))
    expect(await failureOf(side().read(reader, 1))).toMatchObject(CLOSED)
    expect(await failureOf(side().write(writer, 'x'))).toMatchObject(CLOSED)
  })

  test.each(['writer', 'reader'] as const)(
    'C15: closing the %s amid a write tells the bytes taken and drops the rest',
    async (closing) => {
      const { reader, writer } = pipe()
      const write = side().write(writer, 'abcdef')
      expect(text(await side().read(reader, 2))).toBe('ab')
      expect(text(await side().read(reader, 2))).toBe('cd')
      if (closing === 'writer') writer.close()
      else reader.closeWithError(new RangeError('enough'))
      const failure = await failureOf(write)
      expect(failure).toMatchObject(closing === 'writer' ? CLOSED : { class: 'RangeError', message: 'enough' })
      expect(failure.bytesWritten).toBe(4)
      if (closing === 'writer') expect(await side().read(reader, 8)).toBe(null)
      else expect(await failureOf(side().read(reader, 8))).toMatchObject(CLOSED)
    },
  )

  test.each(['writer', 'reader'] as const)(
    'C16: closing the %s wakes every blocked and queued operation',
    async (half) => {
      const { reader, writer } = pipe()
      const count = 4
      const all =
        half === 'writer'
          ? threads(count).map((thread) => new Side(thread, kind).read(reader, 8))
          : threads(count).map((thread) => failureOf(new Side(thread, kind).write(writer, 'x')))
      await blocked(half === 'writer' ? reader : writer, count)
      if (half === 'writer') writer.close()
      else reader.close()
      const results = await Promise.all(all)
      if (half === 'writer') expect(results).toEqual(Array(count).fill(null))
      else for (const result of results) expect(result).toMatchObject(CLOSED)
    },
  )

  test('C16: closing a half wakes its own blocked and queued operations', async () => {
    const { writer } = pipe()
    const all = threads(4).map((thread) => failureOf(new Side(thread, kind).write(writer, 'x')))
    await blocked(writer, 4)
    writer.close()
    for (const result of await Promise.all(all)) expect(result).toMatchObject({ ...CLOSED, bytesWritten: 0 })
  })

  test('C17: after a close no new match starts', async () => {
    const { reader, writer } = pipe()
    const write = failureOf(side().write(writer, 'abc'))
    await blocked(writer)
    writer.close()
    expect(await side().read(reader, 8)).toBe(null)
    expect(await write).toMatchObject({ ...CLOSED, bytesWritten: 0 })
    expect(reader.stats()).toMatchObject({ bytesRead: 0, bytesWritten: 0, reads: 0, writes: 0 })
  })

  test('C26: an abort ends both halves with its error, blocked or later, and outranks closing', async () => {
    const { reader, writer } = pipe()
    const write = failureOf(side().write(writer, 'abc'))
    await blocked(writer)
    reader.abort(new SyntaxError('stop'))
    const stop = { class: 'SyntaxError', message: 'stop' }
    expect(await write).toMatchObject({ ...stop, bytesWritten: 0 })
    reader.close()
    writer.closeWithError(new Error('unseen'))
    writer.abort(new Error('second'))
    expect(await failureOf(side().read(reader, 1))).toMatchObject(stop)
    expect(await failureOf(side().write(writer, 'x'))).toMatchObject(stop)
    expect(writer.stats()).toMatchObject({ aborted: true, readerClosed: true, writerClosed: true })
  })
})

describe.each(PAIRS)('$writes writer, $reads reader', ({ writes, reads }) => {
  test('C6, C18: closed at any moment, bytes counted by writes are the bytes returned by reads', async () => {
    const [left, right] = [thread(), thread()]
    for (let round = 0; round < 30; round += 1) {
      const { reader, writer } = pipe({ window: 256 })
      const wrote = left.run(
        async ({ ops, PipeWriter }, { handle, kind }) => {
          const writer = PipeWriter.from(handle)
          let sent = 0
          try {
            for (let i = 1; ; i += 1) sent += await ops(kind).write(writer, new Uint8Array((i * 97) % 1000))
          } catch (error) {
            const { bytesWritten } = error as { bytesWritten: number }
            return { sent: sent + bytesWritten, partly: bytesWritten }
          }
        },
        { handle: handleOf(writer), kind: writes },
      )
      const read = right.run(
        async ({ ops, PipeReader }, { handle, kind }) => {
          const reader = PipeReader.from(handle)
          let got = 0
          try {
            for (let i = 1; ; i += 1) {
              const n = await ops(kind).read(reader, new Uint8Array((i * 61) % 700))
              if (n === null) return got
              got += n
            }
          } catch {
            return got
          }
        },
        { handle: handleOf(reader), kind: reads },
      )
      await until(() => reader.stats().reads > 20 + round)
      if (round % 3 === 0) writer.close()
      else if (round % 3 === 1) reader.close()
      else reader.abort(new Error('enough'))
      const [{ sent, partly }, got] = await Promise.all([wrote, read])
      expect(partly).toBeLessThan(1000)
      expect(got).toBe(sent)
      expect(reader.stats()).toMatchObject({ bytesRead: got, bytesWritten: sent })
    }
  })
})

describe('C27: errors travel', () => {
  const travel = async (error: Error, options: Parameters<typeof pipe>[0] = {}) => {
    const { reader, writer } = pipe(options)
    writer.closeWithError(error)
    return reader.read(new Uint8Array(1), PATIENT).then(
      () => expect.unreachable(),
      (seen: Error & Record<string, unknown>) => seen,
    )
  }

  test('to a thread that is blocked, with no event loop turning anywhere', async () => {
    const { reader, writer } = pipe()
    const error = Object.assign(new RangeError('outer', { cause: new TypeError('inner') }), { code: 'E_X', size: 3 })
    const closing = thread().run(
      ({ PipeWriter }, { handle }) => {
        const cause = new TypeError('inner')
        PipeWriter.from(handle).closeWithError(
          Object.assign(new RangeError('outer', { cause }), { code: 'E_X', size: 3 }),
        )
      },
      { handle: handleOf(writer) },
    )
    expect(() => reader.readSync(new Uint8Array(1), { timeout: 10_000 })).toThrow(error)
    await closing
  })

  test('the same class, name, message, stack, code, cause and own properties', async () => {
    const cause = Object.assign(new TypeError('inner', { cause: { plain: [1, 2] } }), { code: 'E_IN' })
    const error = Object.assign(new RangeError('outer', { cause }), { code: 'E_OUT', detail: { n: 1 }, skip: () => 1 })
    const seen = await travel(error)
    expect(seen).toBeInstanceOf(RangeError)
    expect(seen).not.toBe(error)
    expect(seen.message).toBe('outer')
    expect(seen.stack).toBe(error.stack)
    expect({ ...seen }).toEqual({ code: 'E_OUT', detail: { n: 1 } })
    expect(seen.cause).toBeInstanceOf(TypeError)
    expect(seen.cause).toMatchObject({ message: 'inner', code: 'E_IN', cause: { plain: [1, 2] } })
  })

  test('DOMException, AggregateError, PipeError, and a class that only one thread knows', async () => {
    const dom = await travel(new DOMException('no', 'NotAllowedError'))
    expect(dom).toBeInstanceOf(DOMException)
    expect(dom.name).toBe('NotAllowedError')
    const many = (await travel(
      new AggregateError([new TypeError('a'), new Error('b')], 'many'),
    )) as unknown as AggregateError
    expect(many).toBeInstanceOf(AggregateError)
    expect(many.errors.map((member: Error) => [member.constructor, member.message])).toEqual([
      [TypeError, 'a'],
      [Error, 'b'],
    ])
    class Own extends TypeError {
      override name = 'OwnError'
    }
    const own = await travel(new Own('mine'))
    expect(own).toBeInstanceOf(TypeError)
    expect(own).toMatchObject({ name: 'OwnError', message: 'mine' })
    const first = pipe()
    first.writer.close()
    const closed = await first.writer.write('x').catch((error: Error) => error)
    expect(await travel(closed as Error)).toMatchObject({ name: 'PipeError', code: 'ERR_PIPE_CLOSED' })
  })

  test('what does not fit is cut, from the stack first', async () => {
    const error = Object.assign(new Error('a message of some length'), { code: 'E_LONG' })
    error.stack = `Error: a message of some length\n${'    at somewhere (file.js:1:1)\n'.repeat(200)}`
    const seen = await travel(error, { errorBytes: 256 })
    expect(seen).toMatchObject({ message: 'a message of some length', code: 'E_LONG' })
    expect(seen.stack).toMatch(/^Error: a message of some length\n.*… \[cut\]$/s)
    expect((seen.stack as string).length).toBeLessThan(256)
    const long = await travel(new Error('€'.repeat(10_000)), { errorBytes: 256 })
    expect(long.message).toMatch(/^€{20,}… \[cut\]$/)
  })
})

describe('iterators', () => {
  test('blocking: a chunk for each write, each a copy of its own, to the end', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, ['ab', '', counting(100_000), 'c']).then(() => {
      writer.close()
    })
    const chunks = await thread().run(({ PipeReader }, { handle }) => [...PipeReader.from(handle)], {
      handle: handleOf(reader),
    })
    await sent
    expect(chunks.map((chunk) => chunk.length)).toEqual([2, 100_000, 1])
    expect(new Set(chunks.map((chunk) => chunk.buffer)).size).toBe(3)
    expect(chunks[1]).toEqual(counting(100_000))
    expect(reader.stats().readerClosed).toBe(false)
  })

  test('awaited: to the end, and an error of the writer is thrown', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, ['a', 'b']).then(() => {
      writer.closeWithError(new RangeError('broken'))
    })
    const seen: (string | null)[] = []
    await expect(async () => {
      for await (const chunk of reader) seen.push(text(chunk))
    }).rejects.toThrow(new RangeError('broken'))
    await sent
    expect(seen).toEqual(['a', 'b'])
  })

  test.each(KINDS)('$kind: leaving early closes the reader', async ({ kind }) => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, ['a', 'b', 'c'])
    await thread().run(
      async ({ PipeReader }, { handle, kind }) => {
        const reader = PipeReader.from(handle)
        if (kind === 'blocking') for (const _ of reader) break
        else for await (const _ of reader) break
      },
      { handle: handleOf(reader), kind },
    )
    expect(await failureOf(sent)).toMatchObject({ ...CLOSED, bytesWritten: 0 })
  })
})

test('dispose closes', () => {
  const { reader, writer } = pipe()
  writer[Symbol.dispose]()
  expect(reader.readSync(new Uint8Array(1), { timeout: 0 })).toBe(null)
  reader[Symbol.dispose]()
  expect(reader.stats()).toMatchObject({ readerClosed: true, writerClosed: true, aborted: false })
})
