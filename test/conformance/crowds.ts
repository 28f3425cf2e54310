import { assert } from 'chai'
import { pipe } from 'threadpipe'
import { handleOf, KINDS, PATIENT } from '../support/sides.ts'
import { type Case, featureOf } from './bench.ts'

/** C19 to C22: many threads at one pipe. */

/**
 * The least part of an even share of the time that a contender must get: none is left out. Not of the calls: a thread that the system puts beside its peer, on
 * one core, makes a call in 30 µs, one on a core of its own in 0.2. Fairness itself is measured elsewhere, for longer.
 */
const LEAST_SHARE = 0.5
const CONTEND_MS = 500

const kinds = KINDS.flatMap(({ kind }): Case[] => [
  {
    name: `C19: writes of 4 threads, larger than the window, do not interleave; ${kind}`,
    features: [featureOf(kind)],
    async run(bench) {
      const { reader, writer } = pipe({ window: 1024 })
      const size = 10_000
      const writes = bench.threads(4).map((thread, tag) =>
        thread.run(
          async ({ ops, PipeWriter }, { handle, kind, tag, size }) => {
            const writer = PipeWriter.from(handle)
            const bytes = new Uint8Array(size).fill(tag)
            for (let i = 0; i < 10; i += 1) await ops(kind).write(writer, bytes, { timeout: 10_000 })
          },
          { handle: handleOf(writer), kind, tag, size },
        ),
      )
      const target = new Uint8Array(size)
      const counts = [0, 0, 0, 0]
      for (let i = 0; i < 40; i += 1) {
        assert.equal(await reader.read(target, PATIENT), size)
        const tag = target[0] as number
        assert.isTrue(target.every((byte) => byte === tag))
        counts[tag] = (counts[tag] as number) + 1
      }
      await Promise.all(writes)
      assert.deepEqual(counts, [10, 10, 10, 10])
    },
  },
  {
    name: `C20: one write is spread over readers in 4 threads, each byte once; ${kind}`,
    features: [featureOf(kind)],
    async run(bench) {
      const { reader, writer } = pipe({ window: 512 })
      const reads = bench.threads(4).map((thread) =>
        thread.run(
          async ({ ops, PipeReader }, { handle, kind }) => {
            const reader = PipeReader.from(handle)
            const seen: number[] = []
            const target = new Uint16Array(7)
            for (;;) {
              const n = await ops(kind).read(reader, target, { timeout: 10_000 })
              if (n === null) return seen
              seen.push(...target.subarray(0, n / 2))
            }
          },
          { handle: handleOf(reader), kind },
        ),
      )
      const values = Uint16Array.from({ length: 5000 }, (_, i) => i)
      assert.equal(await writer.write(values, PATIENT), 10_000)
      writer.close()
      const seen = (await Promise.all(reads)).flat().sort((a, b) => a - b)
      assert.deepEqual(seen, [...values])
    },
  },
  {
    name: `C22: what a thread did before its write is visible after the read, and the reverse; ${kind}`,
    features: [featureOf(kind)],
    async run(bench) {
      const { reader, writer } = pipe()
      const own = new Int32Array(new SharedArrayBuffer(8))
      const rounds = 500
      const wrote = bench.thread().run(
        async ({ ops, PipeWriter }, { handle, kind, own, rounds }) => {
          const writer = PipeWriter.from(handle)
          let stale = 0
          for (let i = 1; i <= rounds; i += 1) {
            own[0] = i
            await ops(kind).write(writer, 'x', { timeout: 10_000 })
            if ((own[1] as number) < i) stale += 1
          }
          return stale
        },
        { handle: handleOf(writer), kind, own, rounds },
      )
      const read = bench.thread().run(
        async ({ ops, PipeReader }, { handle, kind, own, rounds }) => {
          const reader = PipeReader.from(handle)
          const byte = new Uint8Array(1)
          let stale = 0
          for (let i = 1; i <= rounds; i += 1) {
            own[1] = i
            await ops(kind).read(reader, byte, { timeout: 10_000 })
            if ((own[0] as number) < i) stale += 1
          }
          return stale
        },
        { handle: handleOf(reader), kind, own, rounds },
      )
      assert.deepEqual([await wrote, await read], [0, 0])
    },
  },
])

const shares = (['writers', 'readers'] as const).map(
  (who): Case => ({
    name: `C21: of 3 contending ${who} none is left out`,
    features: ['blocking'],
    async run(bench) {
      const { reader, writer } = pipe()
      const board = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
      const halves = { reader: handleOf(reader), writer: handleOf(writer), board }
      const contenders = bench.threads(3).map((thread) =>
        thread.run(
          ({ PipeReader, PipeWriter }, { reader, writer, board, who }) => {
            const bytes = new Uint8Array(64)
            const options = { timeout: 10_000 }
            let [calls, shares, lastMs] = [0, 0, 0]
            /** Counts the milliseconds in which it has had its turn. */
            const count = (): void => {
              calls += 1
              const nowMs = Math.floor(performance.now())
              if (nowMs !== lastMs) shares += 1
              lastMs = nowMs
            }
            Atomics.add(board, 0, 1)
            Atomics.notify(board, 0)
            try {
              if (who === 'writers')
                for (const half = PipeWriter.from(writer); ; count()) half.writeSync(bytes, options)
              for (const half = PipeReader.from(reader); half.readSync(bytes, options) !== null; ) count()
            } catch (error) {
              if ((error as { code?: string }).code !== 'ERR_PIPE_CLOSED') throw error
            }
            return { calls, shares }
          },
          { ...halves, who },
        ),
      )
      await bench.thread().run(
        ({ PipeReader, PipeWriter }, { reader, writer, board, who, forMs }) => {
          // A thread takes its time to start: nobody is left out who is not there yet.
          for (let here = 0; here < 3; here = Atomics.load(board, 0)) Atomics.wait(board, 0, here, 10_000)
          const bytes = new Uint8Array(64)
          const options = { timeout: 10_000 }
          const [r, w] = [PipeReader.from(reader), PipeWriter.from(writer)]
          const endMs = performance.now() + forMs
          while (performance.now() < endMs) who === 'writers' ? r.readSync(bytes, options) : w.writeSync(bytes, options)
          if (who === 'writers') r.close()
          else w.close()
        },
        { ...halves, who, forMs: CONTEND_MS },
      )
      const got = await Promise.all(contenders)
      const even = got.reduce((sum, { shares }) => sum + shares, 0) / got.length
      const least = Math.min(...got.map(({ shares }) => shares)) / even
      assert.isAbove(least, LEAST_SHARE, got.map(({ calls, shares }) => `${calls} calls in ${shares} ms`).join(', '))
    },
  }),
)

export const crowds: readonly Case[] = [...kinds, ...shares]
