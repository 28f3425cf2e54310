import { assert } from 'chai'
import { copy, type PipeError, PipeReader, PipeWriter, pipe, readAll } from 'threadpipe'
import { HANDOFF, WRITER_HOLDERS } from '../../src/layout.ts'
import { failureOf, until } from '../support/caller.ts'
import { counting, handleOf, KINDS, PATIENT, text } from '../support/sides.ts'
import { type Case, EITHER, type Feature, featureOf } from './bench.ts'

/** C23 to C25 and C29 to C32: what is more than Go's io.Pipe. */

/** What a call throws, or a promise of it rejects with. */
async function thrown(call: () => unknown): Promise<PipeError> {
  try {
    await call()
  } catch (error) {
    return error as PipeError
  }
  return assert.fail('the call must throw')
}

const kinds = KINDS.flatMap(({ kind }): Case[] => {
  const features: Feature[] = [featureOf(kind)]
  const named = (name: string, run: Case['run'], more: Feature[] = []): Case => ({
    name: `${name}; ${kind}`,
    features: [...features, ...more],
    run,
  })
  return [
    named(
      'C23: a buffered write returns once its bytes are stored, and waits while the buffer is full',
      async (bench) => {
        const { reader, writer } = pipe({ capacity: 8 })
        const [left, right] = [bench.side(kind), bench.side(kind)]
        assert.deepEqual(await left.writeAll(writer, ['abc', 'def']), [3, 3])
        assert.equal(reader.stats().buffered, 6)
        const third = left.write(writer, 'ghijkl')
        await until(() => writer.stats().writerParks > 0)
        assert.equal(text(await right.read(reader, 8))?.slice(0, 6), 'abcdef')
        const rest: string[] = []
        while (rest.join('').length < 6 && reader.stats().bytesRead < 12)
          rest.push(text(await right.read(reader, 8)) ?? '')
        assert.equal(await third, 6)
        assert.equal(reader.stats().bytesRead, 12)
      },
    ),
    named(
      'C23: after the writer closes, readers drain what is stored; after the reader closes, writers fail',
      async (bench) => {
        const { reader, writer } = pipe({ capacity: 100 })
        const side = bench.side(kind)
        assert.equal(await side.write(writer, 'stored'), 6)
        writer.close()
        assert.deepEqual((await side.readAll(reader, [4, 4, 4])).map(text), ['stor', 'ed', null])
        const dropped = pipe({ capacity: 100 })
        await side.write(dropped.writer, 'dropped')
        dropped.reader.close()
        assert.equal((await failureOf(side.write(dropped.writer, 'x'))).code, 'ERR_PIPE_CLOSED')
      },
    ),
    named('C23: writes of 4096 bytes of several threads go in whole; zero lengths do not wait', async (bench) => {
      const { reader, writer } = pipe({ capacity: 5000 })
      assert.equal(await bench.side(kind).write(writer, ''), 0)
      assert.equal((await bench.side(kind).read(reader, 0))?.length, 0)
      const writes = bench.threads(3).map((thread, tag) =>
        thread.run(
          async ({ ops, PipeWriter }, { handle, kind, tag }) => {
            const writer = PipeWriter.from(handle)
            for (let i = 0; i < 20; i += 1)
              await ops(kind).write(writer, new Uint8Array(4096).fill(tag), { timeout: 10_000 })
          },
          { handle: handleOf(writer), kind, tag },
        ),
      )
      const all = readAll(reader)
      await Promise.all(writes)
      writer.close()
      const bytes = await all
      assert.equal(bytes.length, 3 * 20 * 4096)
      for (let at = 0; at < bytes.length; at += 4096) {
        assert.isTrue(bytes.subarray(at, at + 4096).every((byte) => byte === bytes[at]))
      }
    }),
    named('C24: one half alternates between the kinds, against the other half in this kind', async (bench) => {
      const { reader, writer } = pipe()
      const alternating = bench.thread().run(
        async ({ ops, PipeReader }, { handle }) => {
          const reader = PipeReader.from(handle)
          const byte = new Uint8Array(1)
          const seen: number[] = []
          for (let i = 0; i < 100; i += 1) {
            await ops(i % 3 === 0 ? 'awaited' : 'blocking').read(reader, byte, { timeout: 5000 })
            seen.push(byte[0] as number)
          }
          return seen
        },
        { handle: handleOf(reader) },
      )
      await bench.side(kind).writeAll(
        writer,
        Array.from({ length: 100 }, (_, i) => Uint8Array.of(i)),
      )
      assert.deepEqual(await alternating, [...counting(100)])
    }),
    named('C25: a call that times out says how far it came, and the pipe stays usable', async (bench) => {
      const { reader, writer } = pipe()
      const [left, right] = [bench.side(kind), bench.side(kind)]
      const write = failureOf(left.write(writer, 'abcdef', { timeout: 200 }))
      assert.equal(text(await right.read(reader, 4)), 'abcd')
      const { code, bytesWritten } = await write
      assert.deepEqual([code, bytesWritten], ['ERR_PIPE_TIMEOUT', 4])
      assert.equal((await failureOf(right.read(reader, 4, { timeout: 10 }))).code, 'ERR_PIPE_TIMEOUT')
      const next = left.write(writer, 'next')
      assert.equal(text(await right.read(reader, 64)), 'next')
      await next
    }),
    named('C25: a call with time-out 0 does not wait, and takes what is there', async (bench) => {
      const { reader, writer } = pipe()
      const [left, right] = [bench.side(kind), bench.side(kind)]
      assert.equal((await failureOf(right.read(reader, 4, { timeout: 0 }))).code, 'ERR_PIPE_TIMEOUT')
      const write = left.write(writer, 'ab')
      await until(() => writer.stats().writerParks > 0)
      assert.equal(text(await right.read(reader, 4, { timeout: 0 })), 'ab')
      assert.equal(await write, 2)
    }),
    named(
      'C30: bytes are read and written where they lie; a callback that throws moves none',
      async (bench) => {
        const { reader, writer } = pipe()
        const written = bench.thread().run(
          async ({ PipeWriter }, { handle, kind }) => {
            const writer = PipeWriter.from(handle)
            const options = { timeout: 10_000 }
            const fill = (bytes: Uint8Array) => {
              const doubles = new Float64Array(bytes.buffer, bytes.byteOffset, 4)
              for (let i = 0; i < 4; i += 1) doubles[i] = i / 4
              return 32
            }
            const spoil = (bytes: Uint8Array): number => {
              bytes.fill(255)
              throw new RangeError('not these')
            }
            const blocking = kind === 'blocking'
            try {
              if (blocking) writer.writeInPlaceSync(64, spoil, options)
              else await writer.writeInPlace(64, spoil, options)
            } catch (error) {
              if (!(error instanceof RangeError)) throw error
            }
            return blocking ? writer.writeInPlaceSync(64, fill, options) : await writer.writeInPlace(64, fill, options)
          },
          { handle: handleOf(writer), kind },
        )
        const read = await bench.thread().run(
          async ({ PipeReader }, { handle, kind }) => {
            const reader = PipeReader.from(handle)
            const options = { timeout: 10_000 }
            let seen: number[] = []
            const use = (bytes: Uint8Array) => {
              seen = [...new Float64Array(bytes.buffer, bytes.byteOffset, bytes.length / 8)]
            }
            const n =
              kind === 'blocking' ? reader.readInPlaceSync(use, options) : await reader.readInPlace(use, options)
            return { n, seen }
          },
          { handle: handleOf(reader), kind },
        )
        assert.deepEqual(read, { n: 32, seen: [0, 0.25, 0.5, 0.75] })
        assert.equal(await written, 32)
      },
      ['in place'],
    ),
    named(
      'C19: many pieces travel as one write',
      async (bench) => {
        const { reader, writer } = pipe()
        const pieces = [Uint8Array.of(1, 2), new Uint16Array([0x0403]), new Uint8Array(0), Uint8Array.of(5)]
        const written = bench.thread().run(
          async ({ PipeWriter }, { handle, kind, pieces }) => {
            const writer = PipeWriter.from(handle)
            const options = { timeout: 10_000 }
            return kind === 'blocking' ? writer.writevSync(pieces, options) : await writer.writev(pieces, options)
          },
          { handle: handleOf(writer), kind, pieces },
        )
        assert.deepEqual(await bench.side(kind).read(reader, 64), Uint8Array.of(1, 2, 3, 4, 5))
        assert.equal(await written, 5)
      },
      ['in place'],
    ),
    named('copies from pipe to pipe, until the end of the file', async (bench) => {
      const [from, to] = [pipe({ window: 1000 }), pipe({ capacity: 3000 })]
      const copied = bench.thread().run(
        async ({ PipeReader, PipeWriter, copy, copySync }, { from, to, kind }) => {
          const [reader, writer] = [PipeReader.from(from), PipeWriter.from(to)]
          const n = kind === 'blocking' ? copySync(writer, reader) : await copy(writer, reader)
          writer.close()
          return n
        },
        { from: handleOf(from.reader), to: handleOf(to.writer), kind },
      )
      const all = readAll(to.reader)
      for (let i = 0; i < 10; i += 1) await from.writer.write(counting(2500, i), PATIENT)
      from.writer.close()
      assert.equal(await copied, 25_000)
      assert.deepEqual(
        await all,
        Uint8Array.from({ length: 25_000 }, (_, i) => ((i % 2500) + Math.floor(i / 2500)) % 256),
      )
    }),
  ]
})

const plain: Case[] = [
  {
    name: 'C24: both halves in one thread, awaited',
    features: ['awaiting'],
    async run() {
      const { reader, writer } = pipe({ window: 1024 })
      const target = new Uint8Array(200_000)
      const counts = await Promise.all([writer.write(counting(100_000), PATIENT), reader.read(target, PATIENT)])
      assert.deepEqual(counts, [100_000, 100_000])
      assert.deepEqual(target.subarray(0, 100_000), counting(100_000))
    },
  },
  {
    name: 'C24: awaited calls of one half run in the order they were made, and let timers run',
    features: ['awaiting'],
    async run(bench) {
      const { reader, writer } = pipe()
      const words = ['one', 'two', 'three', 'four']
      const writes = words.map((word) => writer.write(word, PATIENT))
      assert.deepEqual((await bench.side('blocking').readAll(reader, [16, 16, 16, 16])).map(text), words)
      assert.deepEqual(await Promise.all(writes), [3, 3, 5, 4])
      const flood = failureOf(
        bench.thread().run(
          ({ PipeWriter }, { handle }) => {
            for (const writer = PipeWriter.from(handle); ; ) writer.writeSync(new Uint8Array(16), { timeout: 10_000 })
          },
          { handle: handleOf(writer) },
        ),
      )
      let turns = 0
      const turning = setInterval(() => {
        turns += 1
      }, 1)
      const target = new Uint8Array(16)
      for (const endMs = performance.now() + 200; performance.now() < endMs; ) await reader.read(target, PATIENT)
      clearInterval(turning)
      reader.close()
      assert.equal((await flood).code, 'ERR_PIPE_CLOSED')
      assert.isAbove(turns, 5)
    },
  },
  {
    name: 'C25: a signal cancels a call with its reason, and says how far it came',
    features: ['awaiting'],
    async run() {
      const { reader, writer } = pipe()
      const stop = new AbortController()
      const write = thrown(() => writer.write('abcdef', { signal: stop.signal }))
      assert.equal(await reader.read(new Uint8Array(4), PATIENT), 4)
      stop.abort(new Error('no longer wanted'))
      const { name, cause, bytesWritten } = await write
      assert.deepEqual([name, (cause as Error).message, bytesWritten], ['AbortError', 'no longer wanted', 4])
      const late = await thrown(() => reader.read(new Uint8Array(4), { signal: AbortSignal.abort('why') }))
      assert.deepEqual([late.name, late.cause], ['AbortError', 'why'])
      const next = writer.write('next', PATIENT)
      assert.equal(await reader.read(new Uint8Array(8), PATIENT), 4)
      assert.equal(await next, 4)
    },
  },
  {
    name: 'C29: a blocking call that waits for an await of its own thread is an error',
    features: ['blocking'],
    async run(bench) {
      const { reader, writer } = pipe()
      const codes = await bench.thread().run(
        async ({ PipeReader, PipeWriter }, handles) => {
          const [reader, writer] = [PipeReader.from(handles.reader), PipeWriter.from(handles.writer)]
          const codes: string[] = []
          const attempt = (call: () => unknown) => {
            try {
              call()
              codes.push('none')
            } catch (error) {
              codes.push((error as PipeError).code)
            }
          }
          const read = reader.read(new Uint8Array(8), { timeout: 5000 })
          attempt(() => writer.writeSync('x', { timeout: 5000 }))
          attempt(() => reader.readSync(new Uint8Array(8), { timeout: 5000 }))
          await writer.write('fine', { timeout: 5000 })
          await read
          return codes
        },
        { reader: handleOf(reader), writer: handleOf(writer) },
      )
      assert.deepEqual(codes, ['ERR_PIPE_DEADLOCK', 'ERR_PIPE_DEADLOCK'])
    },
  },
  {
    name: 'C31: bad input is refused before anything is touched',
    features: EITHER,
    async run() {
      const { reader, writer } = pipe()
      const never = (value: unknown) => value as never
      const refusals: [() => unknown, typeof Error, RegExp][] = [
        [() => pipe({ capacity: -1 }), RangeError, /^capacity must be .* not -1$/],
        [() => pipe({ window: 0.5 }), RangeError, /^window must be .* not 0\.5$/],
        [() => pipe(never(5)), TypeError, /not 5$/],
        [() => reader.readSync(never('x')), TypeError, /^The target must be /],
        [() => reader.read(never({})), TypeError, /^The target must be /],
        [() => writer.writeSync(never(null)), TypeError, /not null$/],
        [() => writer.write('x', { timeout: Number.NaN }), RangeError, /not NaN$/],
        [() => writer.write('x', { signal: never(1) }), TypeError, /not 1$/],
        [() => writer.writeInPlaceSync(2 ** 29, () => 0), RangeError, /from 0 to 262144, not 536870912$/],
        [() => PipeReader.from(handleOf(writer) as never), TypeError, /^Cannot make a reader of /],
        [
          () => PipeWriter.from({ memory: new SharedArrayBuffer(65_536), half: 'writer' }),
          TypeError,
          /^Cannot open the pipe/,
        ],
        [() => PipeReader.from({ memory: never(new ArrayBuffer(8)), half: 'reader' }), TypeError, /SharedArrayBuffer/],
      ]
      for (const [call, Class, words] of refusals) {
        const error = await thrown(call)
        assert.instanceOf(error, Class)
        assert.match(error.message, words)
      }
      const { bytesRead, bytesWritten, readerClosed, writerClosed } = reader.stats()
      assert.deepEqual([bytesRead, bytesWritten, readerClosed, writerClosed], [0, 0, false, false])
    },
  },
  {
    name: 'C31: words of the memory that were scribbled over end no call in a hang',
    features: EITHER,
    async run(bench) {
      const { reader, writer } = pipe({ window: 64 })
      new Int32Array(reader.memory).fill(0x5a5a5a5a, HANDOFF, WRITER_HOLDERS)
      const codes = await Promise.all([
        failureOf(bench.side('blocking').read(reader, 8, { timeout: 300 })),
        failureOf(bench.side('awaited').write(writer, 'x', { timeout: 300 })),
      ])
      for (const { code } of codes) assert.match(String(code), /^ERR_PIPE_/)
    },
  },
  {
    name: 'C32: looking never waits, and shows the same from either half',
    features: EITHER,
    async run(bench) {
      const { reader, writer } = pipe()
      const write = bench.side('blocking').write(writer, 'abcdef')
      await until(() => writer.stats().writerParks > 0)
      assert.equal(text(await bench.side('blocking').read(reader, 2)), 'ab')
      // The read has woken it: from its next sleep on nothing changes but the time.
      await until(() => writer.stats().writerParks > 1)
      const seen = await bench.thread().run(({ PipeReader }, { handle }) => PipeReader.from(handle).stats(), {
        handle: handleOf(reader),
      })
      const later = writer.stats()
      // The writer waits all the while, and that is counted as it goes on.
      assert.deepEqual({ ...seen, writerWaitMs: 0 }, { ...later, writerWaitMs: 0 })
      assert.isAtMost(seen.writerWaitMs, later.writerWaitMs)
      assert.deepEqual([seen.bytesRead, seen.reads, seen.writes, seen.capacity], [2, 1, 0, 0])
      reader.close()
      await failureOf(write)
      assert.isAbove(writer.stats().writerWaitMs, 0)
    },
  },
  {
    name: 'an async iterable is copied into a pipe',
    features: ['awaiting'],
    async run(bench) {
      const { reader, writer } = pipe()
      const read = bench.side('blocking').readAll(reader, [8, 8])
      async function* source() {
        yield Uint8Array.of(1, 2)
        yield Uint8Array.of(3)
      }
      assert.equal(await copy(writer, source()), 3)
      assert.deepEqual(await read, [Uint8Array.of(1, 2), Uint8Array.of(3)])
    },
  },
]

export const beyond: readonly Case[] = [...kinds, ...plain]
