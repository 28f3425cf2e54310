import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { handleOf, KINDS, PAIRS, PATIENT, Side } from './support/sides.ts'
import { failureOf, type Thread, thread, threads, until } from './support/threads.ts'

/** The conformance cases of Go's golang.org/x/net/nettest, for a pipe in each direction. */

describe.each(PAIRS)('$writes writer, $reads reader', ({ writes, reads }) => {
  test('BasicIO: 1 MiB in pieces of 1 KiB arrives as it was sent', async () => {
    const { reader, writer } = pipe()
    const sent = thread().run(
      async ({ ops, PipeWriter }, { handle, kind }) => {
        const writer = PipeWriter.from(handle)
        const piece = new Uint8Array(1024)
        for (let i = 0; i < 1024; i += 1) {
          for (let j = 0; j < piece.length; j += 1) piece[j] = (i * 7 + j * 13) % 251
          await ops(kind).write(writer, piece, { timeout: 10_000 })
        }
        writer.close()
      },
      { handle: handleOf(writer), kind: writes },
    )
    const received = await thread().run(
      async ({ ops, PipeReader }, { handle, kind }) => {
        const reader = PipeReader.from(handle)
        const all = new Uint8Array(1024 * 1024 + 1)
        let got = 0
        for (;;) {
          const n = await ops(kind).read(reader, all.subarray(got), { timeout: 10_000 })
          if (n === null) return all.slice(0, got)
          got += n
        }
      },
      { handle: handleOf(reader), kind: reads },
    )
    await sent
    expect(received.length).toBe(1024 * 1024)
    const wrong = received.findIndex((byte, k) => byte !== ((k >> 10) * 7 + (k % 1024) * 13) % 251)
    expect(wrong).toBe(-1)
  })

  test('PingPong: a counter to 1000 over two pipes', async () => {
    const [there, back] = [pipe(), pipe()]
    const play = (thread: Thread, kind: typeof writes, reader: PipeReader, writer: PipeWriter, serves: boolean) =>
      thread.run(
        async ({ ops, PipeReader, PipeWriter }, args) => {
          const reader = PipeReader.from(args.reader)
          const writer = PipeWriter.from(args.writer)
          const { read, write } = ops(args.kind)
          const counter = new Uint32Array(1)
          if (args.serves) await write(writer, counter, { timeout: 10_000 })
          for (;;) {
            const n = await read(reader, counter, { timeout: 10_000 })
            if (n === null) return counter[0]
            counter[0] = (counter[0] as number) + 1
            if (counter[0] > 1000) {
              writer.close()
              return counter[0]
            }
            await write(writer, counter, { timeout: 10_000 })
          }
        },
        { kind, reader: handleOf(reader), writer: handleOf(writer), serves },
      )
    const first = play(thread(), writes, back.reader, there.writer, true)
    const second = play(thread(), reads, there.reader, back.writer, false)
    expect((await Promise.all([first, second])).toSorted()).toEqual([1000, 1001])
  })
})

describe.each(KINDS)('$kind', ({ kind }) => {
  test('RacyRead: 10 threads × 100 reads of 1 ms, their buffers overwritten right after', async () => {
    const { reader, writer } = pipe()
    const feeding = thread().run(
      ({ PipeWriter }, { handle }) => {
        const writer = PipeWriter.from(handle)
        const chunk = new Uint8Array(1024).fill(1)
        let sent = 0
        try {
          for (;;) sent += writer.writeSync(chunk)
        } catch (error) {
          return sent + ((error as { bytesWritten?: number }).bytesWritten ?? 0)
        }
      },
      { handle: handleOf(writer) },
    )
    const readers = threads(10).map((thread) =>
      thread.run(
        async ({ ops, PipeReader }, { handle, kind }) => {
          const reader = PipeReader.from(handle)
          const buffer = new Uint8Array(1024)
          let [got, late] = [0, 0]
          for (let i = 0; i < 100; i += 1) {
            try {
              const n = (await ops(kind).read(reader, buffer, { timeout: 1 })) ?? 0
              if (buffer.subarray(0, n).some((byte) => byte !== 1)) throw new Error('a torn read')
              got += n
            } catch (error) {
              if ((error as { code?: string }).code !== 'ERR_PIPE_TIMEOUT') throw error
              got += (error as { bytesRead?: number }).bytesRead ?? 0
            }
            buffer.fill(2)
            await new Promise((resolve) => setImmediate(resolve))
            if (buffer.some((byte) => byte !== 2)) late += 1
          }
          return { got, late }
        },
        { handle: handleOf(reader), kind },
      ),
    )
    const results = await Promise.all(readers)
    reader.close()
    expect(results.map(({ late }) => late)).toEqual(Array(10).fill(0))
    expect(results.reduce((sum, { got }) => sum + got, 0)).toBe(await feeding)
  })

  test('RacyWrite: 10 threads × 100 writes of 1 ms, their buffers overwritten right after', async () => {
    const { reader, writer } = pipe()
    const draining = thread().run(
      ({ PipeReader }, { handle }) => {
        const reader = PipeReader.from(handle)
        const chunk = new Uint8Array(1024)
        let [got, torn] = [0, 0]
        for (;;) {
          const n = reader.readSync(chunk)
          if (n === null) return { got, torn }
          got += n
          if (chunk.subarray(0, n).some((byte) => byte !== 1)) torn += 1
        }
      },
      { handle: handleOf(reader) },
    )
    const writers = threads(10).map((thread) =>
      thread.run(
        async ({ ops, PipeWriter }, { handle, kind }) => {
          const writer = PipeWriter.from(handle)
          const buffer = new Uint8Array(1024)
          let sent = 0
          for (let i = 0; i < 100; i += 1) {
            buffer.fill(1)
            try {
              sent += await ops(kind).write(writer, buffer, { timeout: 1 })
            } catch (error) {
              if ((error as { code?: string }).code !== 'ERR_PIPE_TIMEOUT') throw error
              sent += (error as { bytesWritten: number }).bytesWritten
            }
            buffer.fill(2)
          }
          return sent
        },
        { handle: handleOf(writer), kind },
      ),
    )
    const sent = (await Promise.all(writers)).reduce((sum, n) => sum + n, 0)
    writer.close()
    expect(await draining).toEqual({ got: sent, torn: 0 })
  })

  test('ReadTimeout, WriteTimeout: an operation without a peer ends in time, and the pipe goes on', async () => {
    const { reader, writer } = pipe()
    const [left, right] = [new Side(thread(), kind), new Side(thread(), kind)]
    const startedMs = performance.now()
    expect(await failureOf(right.read(reader, 8, { timeout: 30 }))).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
    expect(await failureOf(left.write(writer, 'late', { timeout: 30 }))).toMatchObject({
      code: 'ERR_PIPE_TIMEOUT',
      bytesWritten: 0,
    })
    expect(performance.now() - startedMs).toBeGreaterThan(59)
    const written = left.write(writer, 'on time')
    expect((await right.read(reader, 64))?.length).toBe(7)
    expect(await written).toBe(7)
  })

  test('PastTimeout: time-out 0 without a peer, then a round trip', async () => {
    const { reader, writer } = pipe()
    const [left, right] = [new Side(thread(), kind), new Side(thread(), kind)]
    expect(await failureOf(right.read(reader, 8, { timeout: 0 }))).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
    expect(await failureOf(left.write(writer, 'x', { timeout: 0 }))).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
    const written = left.write(writer, 'x')
    expect((await right.read(reader, 8))?.length).toBe(1)
    expect(await written).toBe(1)
  })

  test('PresentTimeout: time-out 0 with a peer that waits succeeds', async () => {
    const { reader, writer } = pipe()
    const [left, right] = [new Side(thread(), kind), new Side(thread(), kind)]
    const written = left.write(writer, 'there')
    await until(() => writer.stats().writerParks > 0)
    expect((await right.read(reader, 8, { timeout: 0 }))?.length).toBe(5)
    expect(await written).toBe(5)
    const read = right.read(reader, 8)
    await until(() => reader.stats().readerParks > 0)
    expect(await left.write(writer, 'here', { timeout: 0 })).toBe(4)
    expect((await read)?.length).toBe(4)
  })

  test('FutureTimeout: many threads wait at once, each for its own time', async () => {
    const { reader } = pipe()
    const times = [20, 40, 60, 80]
    const waits = threads(4).map((thread, i) =>
      thread.run(
        async ({ ops, PipeReader }, { handle, kind, timeout }) => {
          const startedMs = performance.now()
          try {
            await ops(kind).read(PipeReader.from(handle), new Uint8Array(1), { timeout })
          } catch (error) {
            return { code: (error as { code: string }).code, early: performance.now() - startedMs < timeout - 1 }
          }
          return undefined
        },
        { handle: handleOf(reader), kind, timeout: times[i] as number },
      ),
    )
    expect(await Promise.all(waits)).toEqual(Array(4).fill({ code: 'ERR_PIPE_TIMEOUT', early: false }))
  })

  test('CloseTimeout: a close comes before the time-out', async () => {
    const { reader, writer } = pipe()
    const read = new Side(thread(), kind).read(reader, 8, PATIENT)
    await until(() => reader.stats().readerParks > 0)
    writer.close()
    expect(await read).toBe(null)
  })

  test('ConcurrentMethods: every method of both halves at once, from 10 threads', async () => {
    const { reader, writer } = pipe()
    const calls = threads(10).map((thread, i) =>
      thread.run(
        async ({ ops, PipeReader, PipeWriter }, args) => {
          const reader = PipeReader.from(args.reader)
          const writer = PipeWriter.from(args.writer)
          const { read, write } = ops(args.kind)
          const outcomes = new Set<string>()
          const buffer = new Uint8Array(1024)
          for (let i = 0; i < 100; i += 1) {
            try {
              if (args.even) await write(writer, buffer, { timeout: 1 })
              else await read(reader, buffer, { timeout: 1 })
              outcomes.add('done')
            } catch (error) {
              outcomes.add((error as { code: string }).code)
            }
            const { bytesWritten, bytesRead } = reader.stats()
            if (!(bytesWritten >= 0 && bytesRead >= 0)) throw new Error('torn statistics')
          }
          return [...outcomes].filter((outcome) => outcome !== 'done' && outcome !== 'ERR_PIPE_TIMEOUT')
        },
        { reader: handleOf(reader), writer: handleOf(writer), kind, even: i % 2 === 0 },
      ),
    )
    expect(await Promise.all(calls)).toEqual(Array(10).fill([]))
    const { bytesWritten, bytesRead } = reader.stats()
    expect(bytesRead).toBe(bytesWritten)
    expect(bytesRead).toBeGreaterThan(0)
  })
})
