import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import * as threadpipe from 'threadpipe'
import { PipeError, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { counting, PATIENT, Side } from './support/sides.ts'
import { thread } from './support/threads.ts'

/** A source of both kinds that gives these pieces, then the end. */
class Source {
  readonly pieces: (Uint8Array | Error)[]
  readonly asked: number[] = []

  constructor(...pieces: (Uint8Array | Error)[]) {
    this.pieces = pieces
  }

  readSync(target: Uint8Array): number | null {
    this.asked.push(target.length)
    const piece = this.pieces.shift()
    if (piece === undefined) return null
    if (piece instanceof Error) throw piece
    const n = Math.min(piece.length, target.length)
    target.set(piece.subarray(0, n))
    if (n < piece.length) this.pieces.unshift(piece.subarray(n))
    return n
  }

  async read(target: Uint8Array): Promise<number | null> {
    return this.readSync(target)
  }
}

/** A destination of both kinds; takes at most `limit` bytes of each write. */
class Sink {
  readonly got: number[] = []
  writes = 0
  readonly limit: number

  constructor(limit = Infinity) {
    this.limit = limit
  }

  writeSync(source: Uint8Array): number {
    this.writes += 1
    const n = Math.min(this.limit, source.length)
    this.got.push(...source.subarray(0, n))
    return n
  }

  async write(source: Uint8Array): Promise<number> {
    return this.writeSync(source)
  }
}

const { copy, copyBuffer, copyN, readAll, readAtLeast, readFull } = threadpipe

/** The blocking kind as if it were awaited, so that one test serves both. */
const blocking = {
  copy: async (...args: Parameters<typeof threadpipe.copySync>) => threadpipe.copySync(...args),
  copyBuffer: async (...args: Parameters<typeof threadpipe.copyBufferSync>) => threadpipe.copyBufferSync(...args),
  copyN: async (...args: Parameters<typeof threadpipe.copyNSync>) => threadpipe.copyNSync(...args),
  readAll: async (...args: Parameters<typeof threadpipe.readAllSync>) => threadpipe.readAllSync(...args),
  readAtLeast: async (...args: Parameters<typeof threadpipe.readAtLeastSync>) => threadpipe.readAtLeastSync(...args),
  readFull: async (...args: Parameters<typeof threadpipe.readFullSync>) => threadpipe.readFullSync(...args),
}
const awaited = { copy, copyBuffer, copyN, readAll, readAtLeast, readFull }

describe.each([
  { kind: 'blocking', io: blocking },
  { kind: 'awaited', io: awaited as unknown as typeof blocking },
])('$kind', ({ io }) => {
  test('copy: all of it, through 32 KiB', async () => {
    const source = new Source(counting(50_000), new Uint8Array(0), counting(3))
    const sink = new Sink()
    expect(await io.copy(sink, source)).toBe(50_003)
    expect(Buffer.compare(Buffer.from(sink.got), Buffer.concat([counting(50_000), counting(3)]))).toBe(0)
    expect(new Set(source.asked)).toEqual(new Set([32 * 1024]))
    expect(sink.writes).toBe(3)
  })

  test('copy: an error of either side says how much had been copied', async () => {
    const failing = new Source(counting(10), new RangeError('broken'))
    await expect(io.copy(new Sink(), failing)).rejects.toMatchObject({ message: 'broken', bytesWritten: 10 })
    await expect(io.copy(new Sink(4), new Source(counting(3), counting(10)))).rejects.toMatchObject({
      code: 'ERR_PIPE_SHORT_WRITE',
      bytesWritten: 7,
    })
    await expect(io.copy(new Sink(), new Source(Object.freeze(new Error('frozen'))))).rejects.toThrow('frozen')
  })

  test('copy: the fast paths, the source first', async () => {
    const calls: string[] = []
    const noting = (call: string, n: number) => () => {
      calls.push(call)
      return n
    }
    const writeTo = noting('writeTo', 1)
    const readFrom = noting('readFrom', 2)
    const writesItself = Object.assign(new Source(), { writeToSync: writeTo, writeTo: async () => writeTo() })
    const readsItself = Object.assign(new Sink(), { readFromSync: readFrom, readFrom: async () => readFrom() })
    expect(await io.copy(readsItself, writesItself)).toBe(1)
    expect(await io.copy(readsItself, new Source())).toBe(2)
    expect(await io.copyBuffer(new Sink(), writesItself, new Uint8Array(1))).toBe(1)
    expect(calls).toEqual(['writeTo', 'readFrom', 'writeTo'])
  })

  test('copyBuffer: through the buffer that was given, which must not be empty', async () => {
    const source = new Source(counting(10))
    expect(await io.copyBuffer(new Sink(), source, new Uint8Array(4))).toBe(10)
    expect(new Set(source.asked)).toEqual(new Set([4]))
    await expect(io.copyBuffer(new Sink(), source, new Uint8Array(0))).rejects.toThrow(RangeError)
    await expect(io.copyBuffer(new Sink(), source, 4 as never)).rejects.toThrow(TypeError)
  })

  test('copyN: exactly so many, and no byte more is read', async () => {
    const source = new Source(counting(100))
    const sink = new Sink()
    expect(await io.copyN(sink, source, 70)).toBe(70)
    expect(sink.got.length).toBe(70)
    expect(source.asked).toEqual([70])
    expect(await io.copyN(sink, source, 0)).toBe(0)
    expect(await io.copyN(sink, new Source(counting(40_000)), 40_000)).toBe(40_000)
    await expect(io.copyN(sink, source, 31)).rejects.toMatchObject({
      code: 'ERR_PIPE_UNEXPECTED_EOF',
      bytesWritten: 30,
    })
    for (const n of [-1, 0.5, Number.NaN]) await expect(io.copyN(sink, source, n)).rejects.toThrow(RangeError)
    await expect(io.copyN(sink, source, '5' as never)).rejects.toThrow(TypeError)
  })

  test('readFull: the whole target, nothing at the end, or an unexpected end', async () => {
    const target = new Uint8Array(5)
    expect(await io.readFull(new Source(counting(2), new Uint8Array(0), counting(4, 2)), target)).toBe(5)
    expect(target).toEqual(counting(5))
    expect(await io.readFull(new Source(), target)).toBe(null)
    expect(await io.readFull(new Source(), new Uint8Array(0))).toBe(0)
    await expect(io.readFull(new Source(counting(4)), target)).rejects.toMatchObject({
      code: 'ERR_PIPE_UNEXPECTED_EOF',
      bytesRead: 4,
    })
    await expect(io.readFull(new Source(counting(4), new Error('broken')), target)).rejects.toMatchObject({
      message: 'broken',
      bytesRead: 4,
    })
  })

  test('readAtLeast: enough, and what came with it', async () => {
    const target = new Uint8Array(10)
    expect(await io.readAtLeast(new Source(counting(3), counting(3), counting(3)), target, 4)).toBe(6)
    expect(await io.readAtLeast(new Source(), target, 0)).toBe(0)
    expect(await io.readAtLeast(new Source(), target, 1)).toBe(null)
    await expect(io.readAtLeast(new Source(counting(20)), target, 11)).rejects.toMatchObject({
      code: 'ERR_PIPE_SHORT_BUFFER',
    })
  })

  test('readAll: everything, or an error beyond the limit', async () => {
    expect(await io.readAll(new Source())).toEqual(new Uint8Array(0))
    expect(await io.readAll(new Source(counting(600), counting(5000)))).toEqual(
      new Uint8Array([...counting(600), ...counting(5000)]),
    )
    expect((await io.readAll(new Source(counting(600)), { limit: 600 })).length).toBe(600)
    await expect(io.readAll(new Source(counting(600)), { limit: 599 })).rejects.toThrow(/limit of 599/)
    await expect(io.readAll(new Source(), { limit: -1 })).rejects.toThrow(RangeError)
  })

  test('sources and destinations that lie, or are none', async () => {
    for (const n of [-1, 5, 0.5, Number.NaN, undefined, '1']) {
      const liar = { readSync: () => n, read: async () => n } as never
      await expect(io.readFull(liar, new Uint8Array(4))).rejects.toThrow(/gave .* as the number of bytes read, of at/)
      const bad = { writeSync: () => n, write: async () => n } as never
      await expect(io.copy(bad, new Source(counting(4)))).rejects.toThrow(
        /as the number of bytes written|took 0.5 of 4 bytes/,
      )
    }
    for (const none of [undefined, null, 5, {}]) {
      await expect(io.copy(none as never, new Source())).rejects.toThrow(/^The destination must /)
      await expect(io.copy(new Sink(), none as never)).rejects.toThrow(/^The source must /)
      await expect(io.readAll(none as never)).rejects.toThrow(/^The source must /)
    }
    await expect(io.readFull(new Source(), [] as never)).rejects.toThrow(/^The target must be a Uint8Array/)
  })
})

describe('copy takes any async iterable', () => {
  test('generators of bytes and strings, and streams', async () => {
    const chunks = async function* () {
      yield 'grüße '
      yield new Uint16Array([0x4241])
      yield new Uint8Array(0)
    }
    const sink = new Sink()
    expect(await copy(sink, chunks())).toBe(10)
    expect(Buffer.from(sink.got).toString()).toBe('grüße AB')
    const fromStream = new Sink()
    expect(await copy(fromStream, Readable.from([Buffer.from('ab'), Buffer.from('c')]))).toBe(3)
    const file = new Sink()
    const size = await copy(file, createReadStream(new URL('../package.json', import.meta.url)))
    expect(JSON.parse(Buffer.from(file.got).toString()).name).toBe('threadpipe')
    expect(size).toBe(file.got.length)
  })

  test('an error of the iterable, and chunks that are no bytes', async () => {
    const failing = async function* () {
      yield 'abc'
      throw new RangeError('broken')
    }
    await expect(copy(new Sink(), failing())).rejects.toMatchObject({ message: 'broken', bytesWritten: 3 })
    await expect(copy(new Sink(), Readable.from([5]))).rejects.toThrow(/chunks must be bytes or strings, not 5/)
  })
})

test('between threads: copy into a pipe and out of it', async () => {
  const { reader, writer } = pipe()
  const received = thread().run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
    handle: { memory: reader.memory, half: reader.half },
  })
  expect(await copy(writer, new Source(counting(100_000)))).toBe(100_000)
  writer.close()
  expect(await received).toEqual(counting(100_000))
  const back = pipe()
  const sent = new Side(thread(), 'blocking').writeAll(back.writer, [counting(1000), counting(7)])
  const sink = new Sink()
  const copying = copyN(sink, back.reader, 1007)
  expect(await copying).toBe(1007)
  await sent
  back.writer.closeWithError(new PipeError('ERR_PIPE_SHORT_BUFFER', 'odd'))
  await expect(copy(sink, back.reader)).rejects.toMatchObject({ code: 'ERR_PIPE_SHORT_BUFFER', bytesWritten: 0 })
  await expect(back.writer.write('x', PATIENT)).rejects.toMatchObject({ code: 'ERR_PIPE_CLOSED' })
})
