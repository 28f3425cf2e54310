import fc from 'fast-check'
import { PipeReader, PipeWriter, pipe, type Use } from 'threadpipe'
import { describe, expect, test, vi } from 'vitest'
import { counting, handleOf, KINDS, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, relay, thread, until } from './support/threads.ts'

const DEADLOCK = expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' })
const TIMED_OUT = { code: 'ERR_PIPE_TIMEOUT' }

/** Reads in place in either kind of call. */
const inPlace = {
  blocking: {
    read: async (reader: PipeReader, use: Use) => reader.readInPlaceSync(use, PATIENT),
    write: async (writer: PipeWriter, size: number, fill: Use, wait = PATIENT) =>
      writer.writeInPlaceSync(size, fill, wait),
  },
  awaited: {
    read: (reader: PipeReader, use: Use) => reader.readInPlace(use, PATIENT),
    write: (writer: PipeWriter, size: number, fill: Use, wait = PATIENT) => writer.writeInPlace(size, fill, wait),
  },
}

describe.each(KINDS)('$kind reads in place', ({ kind }) => {
  const { read } = inPlace[kind]

  test('are lent the bytes on offer of one write, and take what they say', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').writeAll(writer, ['abcdef', 'gh'])
    let seen = ''
    const look = (n?: number) => (bytes: Uint8Array) => {
      seen = text(bytes.slice()) ?? ''
      return n as number
    }
    expect([await read(reader, look(4)), seen]).toEqual([4, 'abcdef'])
    expect([await read(reader, look(0)), seen]).toEqual([0, 'ef'])
    expect([await read(reader, look()), seen]).toEqual([2, 'ef'])
    expect([await read(reader, look()), seen]).toEqual([2, 'gh'])
    expect(await sent).toEqual([6, 2])
    writer.close()
    expect(await read(reader, look())).toBe(null)
    expect(reader.stats()).toMatchObject({ bytesRead: 8, bytesWritten: 8 })
  })

  test('lie over shared memory, aligned for any typed array, and are not copied', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').write(writer, Float64Array.of(1.5, -2.5))
    await read(reader, (bytes) => {
      expect(bytes.buffer).toBe(reader.memory)
      expect(bytes.byteOffset % 64).toBe(0)
      expect(bytes.constructor).toBe(Uint8Array)
      expect([...new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)]).toEqual([1.5, -2.5])
    })
    await sent
  })

  test('a callback that throws, or gives nonsense, consumes nothing (C30)', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').write(writer, 'abc')
    const boom = new Error('boom')
    await expect(
      read(reader, () => {
        throw boom
      }),
    ).rejects.toBe(boom)
    for (const nonsense of [-1, 4, 0.5, Number.NaN]) {
      await expect(read(reader, () => nonsense)).rejects.toThrow(RangeError)
      await expect(read(reader, () => nonsense)).rejects.toThrow(/of 3 lent/)
    }
    for (const nonsense of ['1', null, {}, Promise.resolve(1)]) {
      await expect(read(reader, () => nonsense as never)).rejects.toThrow(TypeError)
    }
    expect(Object.keys(boom)).toEqual([])
    const target = new Uint8Array(8)
    expect(await reader.read(target, PATIENT)).toBe(3)
    expect(await sent).toBe(3)
  })

  test('an empty write gives 0 without a call', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').write(writer, '')
    expect(await read(reader, () => expect.unreachable())).toBe(0)
    expect(await sent).toBe(0)
  })
})

describe.each(KINDS)('$kind writes in place', ({ kind }) => {
  const { write } = inPlace[kind]

  test.each([{ capacity: 0 }, { capacity: 1000 }])('travel as one write: %o', async (options) => {
    const { reader, writer } = pipe(options)
    const read = new Side(thread(), 'blocking').readAll(reader, [64])
    const fill = (bytes: Uint8Array): number => {
      expect(bytes.length).toBe(64)
      expect(bytes.buffer).toBe(writer.memory)
      bytes.set(counting(10))
      return 10
    }
    expect(await write(writer, 64, fill)).toBe(10)
    expect(await read).toEqual([counting(10)])
    expect(writer.stats()).toMatchObject({ bytesWritten: 10, writes: 1 })
  })

  test.each([{ capacity: 0 }, { capacity: 100 }])(
    'a callback that throws, or gives nonsense, commits nothing (C30): %o',
    async (options) => {
      const { reader, writer } = pipe(options)
      const boom = new Error('boom')
      const throwing = (): never => {
        throw boom
      }
      await expect(write(writer, 8, throwing)).rejects.toBe(boom)
      for (const nonsense of [-1, 9, Number.NaN])
        await expect(write(writer, 8, () => nonsense)).rejects.toThrow(/of 8 lent/)
      expect(() => reader.readSync(new Uint8Array(1), { timeout: 0 })).toThrow(expect.objectContaining(TIMED_OUT))
      const read = new Side(thread(), 'blocking').read(reader, 8)
      expect(await writer.write('fine', PATIENT)).toBe(4)
      expect(text(await read)).toBe('fine')
    },
  )

  test.each([{ capacity: 0 }, { capacity: 100 }])('lend nothing after an end: %o', async (options) => {
    for (const end of ['writer', 'reader', 'abort'] as const) {
      const { reader, writer } = pipe(options)
      if (end === 'abort') writer.abort(new Error('over'))
      else (end === 'writer' ? writer : reader).close()
      const fill = vi.fn(() => 8)
      const expected = end === 'abort' ? { message: 'over' } : { code: 'ERR_PIPE_CLOSED' }
      await expect(write(writer, 8, fill)).rejects.toMatchObject(expected)
      expect(fill).not.toHaveBeenCalled()
    }
  })

  test('lend nothing while another write is under way, though there is room', async () => {
    const { reader, writer } = pipe({ capacity: 100 })
    const long = writer.write(counting(150), PATIENT)
    reader.readSync(new Uint8Array(50))
    const fill = vi.fn(() => 8)
    await expect(write(writer, 8, fill, { timeout: 0 })).rejects.toMatchObject(TIMED_OUT)
    expect(fill).not.toHaveBeenCalled()
    expect(reader.readSync(new Uint8Array(100), PATIENT)).toBe(50)
    expect(await long).toBe(150)
    expect(reader.readSync(new Uint8Array(100), PATIENT)).toBe(50)
  })

  test('sizes beyond the limit are refused, and the limit is named', async () => {
    for (const [options, limit] of [
      [{ window: 100 }, 100],
      [{ capacity: 7 }, 7],
      [{}, 256 * 1024],
    ] as const) {
      const { writer } = pipe(options)
      for (const size of [limit + 1, -1, 0.5, Number.NaN, 2 ** 31]) {
        await expect(write(writer, size, () => {})).rejects.toThrow(RangeError)
        await expect(write(writer, size, () => {})).rejects.toThrow(new RegExp(`from 0 to ${limit}, not ${size}`))
      }
      await expect(write(writer, '5' as never, () => {})).rejects.toThrow(TypeError)
      await expect(write(writer, 1, 5 as never)).rejects.toThrow(/^The callback must be a function/)
    }
  })

  test('C15, C25: what readers have taken of it is told', async () => {
    const { reader, writer } = pipe()
    const read = new Side(thread(), 'blocking').readAll(reader, [4])
    const failing =
      kind === 'blocking'
        ? new Promise((_, reject) => {
            try {
              writer.writeInPlaceSync(10, () => {}, { timeout: 300 })
            } catch (error) {
              reject(error)
            }
          })
        : writer.writeInPlace(10, () => {}, { timeout: 300 })
    await expect(failing).rejects.toMatchObject({ ...TIMED_OUT, bytesWritten: 4 })
    await read
  })
})

describe('from inside a callback', () => {
  test('the same half is refused, in every kind of call', async () => {
    const { reader, writer } = pipe({ capacity: 100 })
    writer.writeSync('abc')
    const outcome = reader.readInPlaceSync(() => {
      expect(() => reader.readSync(new Uint8Array(1))).toThrow(DEADLOCK)
      expect(() => reader.readInPlaceSync(() => {})).toThrow(DEADLOCK)
      expect(() => PipeReader.from(handleOf(reader)).readSync(new Uint8Array(1))).toThrow(DEADLOCK)
      expect(() => [...reader]).toThrow(DEADLOCK)
      return reader.stats().bytesRead
    })
    expect(outcome).toBe(0)
    const nested: Promise<unknown>[] = []
    reader.readInPlaceSync(() => {
      nested.push(
        reader.read(new Uint8Array(1)),
        reader.readInPlace(() => {}),
      )
      return 1
    })
    for (const call of nested) await expect(call).rejects.toEqual(DEADLOCK)
    await reader.readInPlace(() => {
      expect(() => PipeReader.from(handleOf(reader)).readSync(new Uint8Array(1))).toThrow(DEADLOCK)
      return 0
    })
    writer.writeInPlaceSync(4, () => {
      expect(() => writer.writeSync('x')).toThrow(DEADLOCK)
      expect(() => writer.writevSync([])).toThrow(DEADLOCK)
      expect(() => PipeWriter.from(handleOf(writer)).writeSync('x')).toThrow(DEADLOCK)
      return 0
    })
    expect(reader.readSync(new Uint8Array(8))).toBe(2)
  })

  test('the other half of a rendezvous is a certain deadlock; closing works', async () => {
    const { reader, writer } = pipe()
    const sent = new Side(thread(), 'blocking').write(writer, 'abc')
    reader.readInPlaceSync(() => {
      expect(() => writer.writeSync('x')).toThrow(DEADLOCK)
      reader.close()
    }, PATIENT)
    expect(await sent).toBe(3)
    expect(() => reader.readSync(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'ERR_PIPE_CLOSED' }))
  })
})

test('C6: a writer does not leave while its bytes are lent; the match completes', async () => {
  const { reader, writer } = pipe()
  const sent = new Side(thread(), 'blocking').write(writer, 'abc', { timeout: 30 })
  const gate = new Int32Array(new SharedArrayBuffer(4))
  expect(reader.readInPlaceSync(() => void Atomics.wait(gate, 0, 0, 600), PATIENT)).toBe(3)
  expect(await sent).toBe(3)
})

test('C30: in a buffered pipe, any script of calls in place and others gives what a queue of bytes would', () => {
  const call = fc.record({
    kind: fc.constantFrom('write', 'writev', 'writeInPlace', 'read', 'readInPlace'),
    size: fc.nat(60),
    part: fc.nat(60),
    throws: fc.boolean(),
  })
  const capacities = fc.constantFrom(1, 7, 32, 40, 64, 100)
  fc.assert(
    fc.property(capacities, fc.array(call, { maxLength: 120, size: 'max' }), (capacity, script) => {
      const { reader, writer } = pipe({ capacity, errorBytes: 128 })
      const queue: number[] = []
      let next = 0
      const bytesOf = (n: number): Uint8Array => Uint8Array.from({ length: n }, () => (next++ * 7) % 251)
      const room = (): number => capacity - queue.length
      const refused = (run: () => void): void => expect(run).toThrow(expect.objectContaining(TIMED_OUT))
      for (const { kind, size, part, throws } of script) {
        const timeout = { timeout: 0 }
        if (kind === 'write' || kind === 'writev') {
          const bytes = bytesOf(size)
          const pieces = [bytes.subarray(0, part % (size + 1)), bytes.subarray(part % (size + 1))]
          const write = () => (kind === 'write' ? writer.writeSync(bytes, timeout) : writer.writevSync(pieces, timeout))
          if (size <= room()) {
            expect(write()).toBe(size)
            queue.push(...bytes)
          } else if (size <= capacity) {
            refused(write)
          }
        } else if (kind === 'writeInPlace' && size <= capacity) {
          const n = Math.min(part, size)
          const bytes = bytesOf(n)
          const boom = new Error('boom')
          const write = () =>
            writer.writeInPlaceSync(
              size,
              (lent) => {
                expect(lent.length).toBe(size)
                lent.set(bytes)
                if (throws) throw boom
                return n
              },
              timeout,
            )
          if (size > room()) refused(write)
          else if (throws) expect(write).toThrow(boom)
          else {
            expect(write()).toBe(n)
            queue.push(...bytes)
          }
        } else if (kind === 'read') {
          const target = new Uint8Array(size)
          if (queue.length === 0 && size > 0) refused(() => reader.readSync(target, timeout))
          else {
            const n = Math.min(size, queue.length)
            expect(reader.readSync(target, timeout)).toBe(n)
            expect([...target.subarray(0, n)]).toEqual(queue.splice(0, n))
          }
        } else if (kind === 'readInPlace') {
          let lent: number[] = []
          const read = () =>
            reader.readInPlaceSync((bytes) => {
              lent = [...bytes]
              if (throws) throw new Error('boom')
              return Math.min(part, bytes.length)
            }, timeout)
          if (queue.length === 0) refused(read)
          else if (throws) expect(read).toThrow('boom')
          else {
            const n = read() as number
            expect(lent.length).toBeGreaterThan(0)
            expect(lent).toEqual(queue.slice(0, lent.length))
            queue.splice(0, n)
          }
        }
        expect(reader.stats().buffered).toBe(queue.length)
      }
    }),
    { numRuns: 400 },
  )
})

test.each([
  { name: 'rendezvous', options: { window: 65536 } },
  { name: 'buffered', options: { capacity: 100_000 } },
])('between threads, in place on both sides, blocking and awaited: $name', async ({ options }) => {
  for (const kind of ['blocking', 'awaited'] as const) {
    const { reader, writer } = pipe(options)
    const rounds = 2000
    const sent = thread().run(
      async ({ PipeWriter }, { handle, rounds, kind }) => {
        const writer = PipeWriter.from(handle)
        let [sum, at] = [0, 0]
        for (let i = 1; i <= rounds; i += 1) {
          const size = (i * 7919) % 50_000
          const fill = (bytes: Uint8Array): void => {
            for (let k = 0; k < bytes.length; k += 97) {
              bytes[k] = at + k
              sum = (sum + ((at + k) % 256)) >>> 0
            }
            for (let k = 1; k < bytes.length; k += 97) bytes[k] = 1
            at += bytes.length
          }
          if (kind === 'blocking') writer.writeInPlaceSync(size, fill, { timeout: 10_000 })
          else await writer.writeInPlace(size, fill, { timeout: 10_000 })
        }
        writer.close()
        return at
      },
      { handle: handleOf(writer), rounds, kind },
    )
    const got = await thread().run(
      async ({ PipeReader }, { handle, kind }) => {
        const reader = PipeReader.from(handle)
        let got = 0
        const use = (bytes: Uint8Array): number => {
          const n = bytes.length > 3 && got % 5 === 0 ? bytes.length >> 1 : bytes.length
          got += n
          return n
        }
        for (;;) {
          const n =
            kind === 'blocking'
              ? reader.readInPlaceSync(use, { timeout: 10_000 })
              : await reader.readInPlace(use, { timeout: 10_000 })
          if (n === null) return got
        }
      },
      { handle: handleOf(reader), kind },
    )
    expect(got).toBe(await sent)
  }
})

describe('writev', () => {
  test.each(KINDS)('$kind: a header and a payload are one write', async ({ kind }) => {
    const { reader, writer } = pipe({ window: 64 })
    const pieces = [Uint32Array.of(7), new Uint8Array(0), counting(1000), new DataView(counting(10).buffer, 2, 3)]
    const joined = Buffer.concat(pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)))
    const read = new Side(thread(), 'blocking').readAll(reader, [5000, 5000, 10])
    const { length } = joined
    expect(kind === 'blocking' ? writer.writevSync(pieces, PATIENT) : await writer.writev(pieces, PATIENT)).toBe(length)
    if (kind === 'blocking') expect(writer.writevSync([new Uint8Array(0), counting(2)], PATIENT)).toBe(2)
    else expect(await writer.writev([new Uint8Array(0), counting(2)], PATIENT)).toBe(2)
    expect(await writer.writev([], PATIENT)).toBe(0)
    expect((await read).map((bytes) => Buffer.from(bytes as Uint8Array))).toEqual([
      joined,
      Buffer.from(counting(2)),
      Buffer.alloc(0),
    ])
    expect(writer.stats().writes).toBe(3)
  })

  test('bad pieces are refused', async () => {
    const { writer } = pipe()
    expect(() => writer.writevSync('x' as never)).toThrow(/^The sources must be an array of views/)
    expect(() => writer.writevSync([new Uint8Array(1), 'x' as never])).toThrow(/^The source 1 must be a TypedArray/)
    await expect(writer.writev([null as never])).rejects.toThrow(/^The source 0 must be/)
  })
})

describe('copy straight from and into the shared memory', () => {
  test.each([{ capacity: 0 }, { capacity: 1000 }])('through two pipes in a row: %o', async (options) => {
    const [first, second] = [pipe(options), pipe(options)]
    const copied = relay(first.reader, second.writer)
    const sent = new Side(thread(), 'blocking')
      .writeAll(first.writer, [counting(5000), '', counting(3), counting(70_000)])
      .then(() => first.writer.close())
    const chunks: Uint8Array[] = []
    for await (const chunk of second.reader) chunks.push(chunk)
    await sent
    expect(await copied).toBe(75_003)
    expect(Buffer.concat(chunks)).toEqual(Buffer.concat([counting(5000), counting(3), counting(70_000)]))
  })

  test('a destination that fails after a part: that part is consumed, the rest is still there', async () => {
    const { reader, writer } = pipe({ capacity: 100 })
    writer.writeSync('abcdef')
    const failing = {
      writeSync(bytes: Uint8Array) {
        expect(bytes.buffer).toBe(reader.memory)
        throw Object.assign(new Error('full'), { bytesWritten: 4 })
      },
    }
    expect(() => reader.writeToSync(failing as never)).toThrow(
      expect.objectContaining({ message: 'full', bytesWritten: 4 }),
    )
    expect(() => reader.writeToSync({ writeSync: () => 1 })).toThrow(
      expect.objectContaining({ code: 'ERR_PIPE_SHORT_WRITE', bytesWritten: 1 }),
    )
    expect(() => reader.writeToSync({ writeSync: () => 7 })).toThrow(TypeError)
    const target = new Uint8Array(8)
    expect(text(target.subarray(0, reader.readSync(target) as number))).toBe('f')
  })

  test('a source that fails or lies: what was read before is written, the pipe goes on', async () => {
    const { reader, writer } = pipe({ capacity: 100 })
    let reads = 0
    const source = {
      readSync(target: Uint8Array) {
        reads += 1
        expect(target.buffer).toBe(writer.memory)
        if (reads === 3) throw new Error('broken')
        target[0] = reads
        return reads
      },
    }
    expect(() => writer.readFromSync(source)).toThrow(expect.objectContaining({ message: 'broken', bytesWritten: 3 }))
    expect(() => writer.readFromSync({ readSync: () => -1 })).toThrow(TypeError)
    await expect(writer.readFrom({ read: async () => 101 })).rejects.toThrow(TypeError)
    expect(reader.stats().buffered).toBe(3)
    writer.writeSync('x')
    expect(reader.readSync(new Uint8Array(8))).toBe(4)
  })

  test('awaited, a pending copy does not block the others of its half for ever', async () => {
    const { reader, writer } = pipe()
    let pulls = 0
    const source = {
      async read(target: Uint8Array) {
        await new Promise((resolve) => setTimeout(resolve, 1))
        pulls += 1
        if (pulls > 20) return null
        target[0] = pulls
        return 1
      },
    }
    const copying = writer.readFrom(source)
    const other = writer.write('between', PATIENT)
    const side = new Side(thread(), 'blocking')
    let got = 0
    while (got < 27) got += (await side.read(reader, 64))?.length ?? 0
    expect([await copying, await other]).toEqual([20, 7])
  })

  test('closing the reader amid a copy ends it', async () => {
    const { reader, writer } = pipe({ capacity: 64 })
    const endless = { read: async (target: Uint8Array) => target.length }
    const copying = writer.readFrom(endless)
    await until(() => reader.stats().buffered > 0)
    reader.close()
    await expect(copying).rejects.toMatchObject({ code: 'ERR_PIPE_CLOSED' })
    expect((await failureOf(new Side(thread(), 'blocking').read(reader, 1))).code).toBe('ERR_PIPE_CLOSED')
  })
})
