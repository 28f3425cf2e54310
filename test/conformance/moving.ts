import { assert } from 'chai'
import { type PipeHandle, type PipeWriter, pipe } from 'threadpipe'
import { failureOf, until } from '../support/caller.ts'
import { counting, handleOf, KINDS, PAIRS, PATIENT, text } from '../support/sides.ts'
import { type Bench, type Case, EITHER, featureOf } from './bench.ts'

/** C1 to C9: bytes between threads, in every mix of blocking and awaited calls. */

const MIB = 1024 * 1024
const NOTHING = new Uint8Array(0)
const parked = (writer: PipeWriter) => until(() => writer.stats().writerParks > 0)

const pairs = PAIRS.flatMap(({ writes, reads }): Case[] => {
  const features = [...new Set([featureOf(writes), featureOf(reads)])]
  const meet = (bench: Bench, options?: Parameters<typeof pipe>[0]) => ({
    ...pipe(options),
    left: bench.side(writes),
    right: bench.side(reads),
  })
  const named = (name: string, run: Case['run']): Case => ({
    name: `${name}; ${writes} write, ${reads} read`,
    features,
    run,
  })
  const large =
    (size: number, options?: Parameters<typeof pipe>[0]) =>
    async (bench: Bench): Promise<undefined> => {
      const { reader, writer } = pipe(options)
      const write = bench.thread().run(
        async ({ ops, PipeWriter }, { handle, kind, size }) => {
          const words = new Uint32Array(size / 4)
          for (let i = 0; i < words.length; i += 1) words[i] = Math.imul(i, 0x9e3779b1)
          return ops(kind).write(PipeWriter.from(handle), words, { timeout: 10_000 })
        },
        { handle: handleOf(writer), kind: writes, size },
      )
      const read = await bench.thread().run(
        async ({ ops, PipeReader }, { handle, kind, size }) => {
          const words = new Uint32Array(size / 4 + 1000)
          const n = await ops(kind).read(PipeReader.from(handle), words, { timeout: 10_000 })
          let wrong = 0
          for (let i = 0; i < size / 4; i += 1) if (words[i] !== Math.imul(i, 0x9e3779b1) >>> 0) wrong += 1
          return { n, wrong }
        },
        { handle: handleOf(reader), kind: reads, size },
      )
      assert.deepEqual(read, { n: size, wrong: 0 })
      assert.equal(await write, size)
      const { reads: readCalls, bytesRead, bytesWritten } = reader.stats()
      assert.deepEqual([readCalls, bytesRead, bytesWritten], [1, size, size])
    }
  return [
    named('C1: a write returns only when every byte is taken', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      let returned = false
      const write = left.write(writer, 'abcdef').finally(() => {
        returned = true
      })
      assert.equal(text(await right.read(reader, 5)), 'abcde')
      await parked(writer)
      assert.isFalse(returned)
      assert.equal(writer.stats().writes, 0)
      assert.equal(text(await right.read(reader, 5)), 'f')
      assert.equal(await write, 6)
    }),
    named('C2: a read takes from one write only', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      const both = left.writeAll(writer, ['ab', 'cd'])
      assert.deepEqual((await right.readAll(reader, [8, 8])).map(text), ['ab', 'cd'])
      assert.deepEqual(await both, [2, 2])
    }),
    named('C3: one write feeds many reads', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      const write = left.write(writer, 'abcdef')
      assert.deepEqual((await right.readAll(reader, [4, 1, 1])).map(text), ['abcd', 'e', 'f'])
      assert.equal(await write, 6)
    }),
    named('C4: a read of 4 MiB meets a write of 4 MiB, through the default window', large(4 * MIB)),
    named('C4: a read of 4 MiB meets a write of 4 MiB, through 64 KiB', large(4 * MIB, { window: 65_536 })),
    named('C4: a read of 64 KiB meets a write of 64 KiB, through 1 byte', large(65_536, { window: 1 })),
    named('C4: reads of odd sizes give each its full size', async (bench) => {
      const { reader, writer, left, right } = meet(bench, { window: 100 })
      const write = left.write(writer, counting(5000))
      const chunks = await right.readAll(reader, [1, 999, 2000, 127, 64, 5000])
      assert.deepEqual(
        chunks.map((chunk) => chunk?.length),
        [1, 999, 2000, 127, 64, 1809],
      )
      assert.deepEqual(
        chunks.flatMap((chunk) => [...(chunk ?? [])]),
        [...counting(5000)],
      )
      assert.equal(await write, 5000)
    }),
    named('C7: a zero-length write waits for a read, which gives 0', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      let returned = false
      const write = left.write(writer, '').finally(() => {
        returned = true
      })
      await parked(writer)
      assert.isFalse(returned)
      assert.deepEqual(await right.read(reader, 4096), NOTHING)
      assert.equal(await write, 0)
    }),
    named('C8: a zero-length read waits for a writer and takes nothing', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      const read = right.read(reader, 0)
      await until(() => reader.stats().readerParks > 0)
      const write = left.write(writer, 'whole')
      assert.deepEqual(await read, NOTHING)
      assert.equal(writer.stats().bytesWritten, 0)
      assert.equal(text(await right.read(reader, 64)), 'whole')
      assert.equal(await write, 5)
    }),
    named('C8: a zero-length read and a zero-length write complete each other', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      const write = left.write(writer, '')
      assert.deepEqual(await right.read(reader, 0), NOTHING)
      assert.equal(await write, 0)
    }),
    named('C9: zero-length calls on an ended pipe give the end at once', async (bench) => {
      const { reader, writer, left, right } = meet(bench)
      writer.close()
      assert.isNull(await right.read(reader, 0))
      assert.equal((await failureOf(left.write(writer, ''))).code, 'ERR_PIPE_CLOSED')
    }),
  ]
})

const kinds = KINDS.map(
  ({ kind }): Case => ({
    name: `C5: a read that timed out leaves its target alone for ever; ${kind}`,
    features: [featureOf(kind)],
    async run(bench) {
      const { reader, writer } = pipe()
      const seen = await bench.thread().run(
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
      assert.deepEqual(seen, { code: 'ERR_PIPE_TIMEOUT', n: 64, untouched: true, got: true })
    },
  }),
)

const ROUNDS = 150
const RACE_OUTCOMES = [
  'write 3, read 3',
  'write ERR_PIPE_CLOSED 0, read ERR_PIPE_CLOSED',
  'write ERR_PIPE_CLOSED 0, read null',
]

const races: Case = {
  name: 'C6: in races of read, write and close, both sides saw the chunk or neither did',
  features: ['blocking'],
  async run(bench) {
    const pipes = Array.from({ length: ROUNDS }, () => pipe({ window: 64, errorBytes: 128 }))
    const gate = new Int32Array(new SharedArrayBuffer(4))
    const args = {
      readers: pipes.map(({ reader }): PipeHandle => handleOf(reader)),
      writers: pipes.map(({ writer }): PipeHandle => handleOf(writer)),
      gate,
    }
    const writes = bench.thread().run(({ PipeWriter }, { writers, gate }) => {
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
    const reads = bench.thread().run(({ PipeReader }, { readers, gate }) => {
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
    const closes = bench.thread().run(({ PipeReader, PipeWriter }, { readers, writers, gate }) => {
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
    const odd = wrote.map((w, i) => `write ${w}, read ${read[i]}`).filter((seen) => !RACE_OUTCOMES.includes(seen))
    assert.deepEqual(odd, [])
  },
}

const plain: Case[] = [
  {
    name: 'a half that is posted as it is can be rebuilt in the other thread',
    features: EITHER,
    async run(bench) {
      const { reader, writer } = pipe()
      const read = bench.thread().run(
        ({ PipeReader }, { half }) => {
          const target = new Uint8Array(8)
          return PipeReader.from(half).readSync(target, { timeout: 10_000 })
        },
        { half: reader as PipeHandle },
      )
      assert.equal(await writer.write('posted', PATIENT), 6)
      assert.equal(await read, 6)
    },
  },
  {
    name: 'views of every kind, at odd offsets, and strings go over as their bytes',
    features: EITHER,
    async run(bench) {
      const { reader, writer } = pipe()
      const buffer = counting(64).buffer as ArrayBuffer
      const shared = new SharedArrayBuffer(64)
      new Uint8Array(shared).set(counting(64))
      const sources: [ArrayBufferView | string, Uint8Array][] = [
        [new Uint8Array(buffer, 3, 13), counting(13, 3)],
        [new DataView(buffer, 5, 7), counting(7, 5)],
        [new Float64Array(buffer, 8, 3), counting(24, 8)],
        [new Int16Array(shared, 2, 5), counting(10, 2)],
        ['grüße €𝄞', new TextEncoder().encode('grüße €𝄞')],
      ]
      const side = bench.side('blocking')
      for (const [source, bytes] of sources) {
        const write = side.write(writer, source)
        const target = new DataView(new ArrayBuffer(99), 1, 90)
        const n = await reader.read(target, PATIENT)
        assert.deepEqual(new Uint8Array(target.buffer, 1, n as number), bytes)
        assert.equal(await write, bytes.length)
      }
    },
  },
]

export const moving: readonly Case[] = [...pairs, ...kinds, races, ...plain]
