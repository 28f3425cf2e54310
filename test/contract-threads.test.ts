import { pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import { haveCoresAlone } from './support/alone.ts'
import { handleOf, KINDS, PATIENT } from './support/sides.ts'
import { threads } from './support/threads.ts'

test.each(KINDS)('C19: $kind writes larger than the window do not interleave', async ({ kind }) => {
  const { reader, writer } = pipe({ window: 1024 })
  const size = 10_000
  const writes = threads(4).map((thread, i) =>
    thread.run(
      async ({ ops, PipeWriter }, { handle, kind, tag, size }) => {
        const writer = PipeWriter.from(handle)
        const bytes = new Uint8Array(size).fill(tag)
        for (let i = 0; i < 20; i += 1) await ops(kind).write(writer, bytes, { timeout: 10_000 })
      },
      { handle: handleOf(writer), kind, tag: i, size },
    ),
  )
  const target = new Uint8Array(size)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < 80; i += 1) {
    expect(await reader.read(target, PATIENT)).toBe(size)
    const tag = target[0] as number
    expect(target.every((byte) => byte === tag)).toBe(true)
    counts[tag] = (counts[tag] as number) + 1
  }
  await Promise.all(writes)
  expect(counts).toEqual([20, 20, 20, 20])
})

describe('contending', () => {
  haveCoresAlone()
  test.each(['writers', 'readers'] as const)(
    'C21: of 4 contending %s none gets less than half an even share',
    async (who) => {
      const { reader, writer } = pipe()
      const board = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
      const contenders = threads(4).map((thread) =>
        thread.run(
          ({ PipeReader, PipeWriter }, { reader, writer, board, who }) => {
            const bytes = new Uint8Array(64)
            let calls = 0
            Atomics.add(board, 0, 1)
            Atomics.notify(board, 0)
            try {
              if (who === 'writers') for (const half = PipeWriter.from(writer); ; calls += 1) half.writeSync(bytes)
              for (const half = PipeReader.from(reader); half.readSync(bytes) !== null; ) calls += 1
            } catch (error) {
              if ((error as { code?: string }).code !== 'ERR_PIPE_CLOSED') throw error
            }
            return calls
          },
          { reader: handleOf(reader), writer: handleOf(writer), board, who },
        ),
      )
      const [other] = threads(1)
      const counterpart = other?.run(
        ({ PipeReader, PipeWriter }, { reader, writer, board, who, forMs }) => {
          // A thread takes its time to start: nobody is left out who is not there yet.
          for (let here = 0; here < 4; here = Atomics.load(board, 0)) Atomics.wait(board, 0, here, 10_000)
          const bytes = new Uint8Array(64)
          const [r, w] = [PipeReader.from(reader), PipeWriter.from(writer)]
          const endMs = performance.now() + forMs
          while (performance.now() < endMs) who === 'writers' ? r.readSync(bytes) : w.writeSync(bytes)
          if (who === 'writers') r.close()
          else w.close()
        },
        { reader: handleOf(reader), writer: handleOf(writer), board, who, forMs: 2000 },
      )
      const calls = await Promise.all(contenders)
      await counterpart
      const even = calls.reduce((sum, n) => sum + n, 0) / calls.length
      console.log(
        `shares of an even part: ${calls.map((n) => (n / even).toFixed(2)).join(' ')} of ${Math.round(even)} calls`,
      )
      expect(Math.min(...calls) / even).toBeGreaterThan(0.5)
    },
  )
})

test.each(KINDS)(
  'C22: what a thread did before its $kind write is visible after the read, and the reverse',
  async ({ kind }) => {
    const { reader, writer } = pipe()
    const own = new Int32Array(new SharedArrayBuffer(8))
    const rounds = 2000
    const [left, right] = threads(2)
    const wrote = left?.run(
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
    const read = right?.run(
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
    expect([await wrote, await read]).toEqual([0, 0])
  },
)

test('C20: one write is spread over readers in several threads, each byte once', async () => {
  const { reader, writer } = pipe({ window: 512 })
  const reads = threads(4).map((thread) =>
    thread.run(
      ({ PipeReader }, { handle }) => {
        const reader = PipeReader.from(handle)
        const seen: number[] = []
        const target = new Uint16Array(7)
        for (;;) {
          const n = reader.readSync(target, { timeout: 10_000 })
          if (n === null) return seen
          seen.push(...target.subarray(0, n / 2))
        }
      },
      { handle: handleOf(reader) },
    ),
  )
  const values = Uint16Array.from({ length: 20_000 }, (_, i) => i)
  expect(await writer.write(values, PATIENT)).toBe(40_000)
  writer.close()
  const seen = (await Promise.all(reads)).flat().toSorted((a, b) => a - b)
  expect(seen).toEqual([...values])
})
