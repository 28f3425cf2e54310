import { type PipeHandle, pipe } from 'threadpipe'
import { expect, test } from 'vitest'
import type { Kind } from '../workers/calls.ts'
import { handleOf } from './support/sides.ts'
import { thread } from './support/threads.ts'

/**
 * Random writes from 4 threads to 4 readers. Every write carries its writer, number, length and a checksum of its random bytes, so that
 * readers can tell whole, unmixed writes (C19). Readers read into targets of more than the largest write, so that each read is one
 * write (C2, C4). The pipe is closed at a random moment in the odd rounds (C6). A seed can be given as STRESS_SEED.
 */

const HEADER_BYTES = 16
const MAX_BYTES = 60_000

interface Plan {
  seed: number
  index: number
  kind: Kind
  bytes: number
  maxBytes: number
  headerBytes: number
}

/** Writes messages until `bytes` are sent or the pipe ends. @returns checksums of what went over whole, and of the part of the last */
function startWriter(handle: PipeHandle, plan: Plan) {
  return thread().run(
    async ({ ops, PipeWriter }, { handle, plan }) => {
      let state = (plan.seed * 31 + plan.index) >>> 0
      const random = (n: number): number => {
        state = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9) >>> 0
        return state % n
      }
      const writer = PipeWriter.from(handle)
      const whole: number[] = []
      let [sent, partly] = [0, 0]
      for (let number = 0; sent < plan.bytes; number += 1) {
        const size = plan.headerBytes + (random(4) === 0 ? random(plan.maxBytes - plan.headerBytes) : random(600))
        const message = new Uint8Array(size)
        let sum = 0
        for (let i = plan.headerBytes; i < size; i += 1) {
          message[i] = random(256)
          sum = (Math.imul(sum, 31) + (message[i] as number)) >>> 0
        }
        new Uint32Array(message.buffer, 0, 4).set([plan.index, number, size, sum])
        try {
          sent += await ops(plan.kind).write(writer, message, random(3) === 0 ? { timeout: 10_000 } : {})
          whole.push(number)
        } catch (error) {
          const { code, bytesWritten } = error as { code: string; bytesWritten: number }
          if (code !== 'ERR_PIPE_CLOSED') throw error
          if (!(bytesWritten >= 0 && bytesWritten < size)) throw new Error(`bytesWritten ${bytesWritten} of ${size}`)
          partly = bytesWritten
          break
        }
      }
      return { sent: sent + partly, whole: whole.length }
    },
    { handle, plan },
  )
}

function startReader(handle: PipeHandle, plan: Plan) {
  return thread().run(
    async ({ ops, PipeReader }, { handle, plan }) => {
      const reader = PipeReader.from(handle)
      const buffer = new ArrayBuffer(plan.maxBytes)
      const target = new Uint8Array(buffer)
      const whole = [0, 0, 0, 0]
      let [got, torn] = [0, 0]
      for (;;) {
        let n: number | null
        try {
          n = await ops(plan.kind).read(reader, target, plan.seed % 3 === 0 ? { timeout: 10_000 } : {})
        } catch (error) {
          if ((error as { code: string }).code !== 'ERR_PIPE_CLOSED') throw error
          n = null
        }
        if (n === null) return { got, torn, whole }
        got += n
        const [index, , size, checksum] = new Uint32Array(buffer, 0, 4) as unknown as [number, number, number, number]
        let sum = 0
        for (let i = plan.headerBytes; i < n; i += 1) sum = (Math.imul(sum, 31) + (target[i] as number)) >>> 0
        if (n !== size || sum !== checksum) torn += 1
        else whole[index] = (whole[index] as number) + 1
      }
    },
    { handle, plan },
  )
}

const firstSeed = Number(process.env['STRESS_SEED'] ?? Date.now() % 1_000_000)
const rounds = Array.from({ length: 8 }, (_, i) => ({
  round: i,
  seed: firstSeed + i,
  closing: (['at the end', 'by the reader', 'at the end', 'by the writer'] as const)[i % 4] as string,
  kinds: (i < 4 ? ['blocking'] : ['blocking', 'awaited']) as Kind[],
}))

test.each(rounds)(
  'seed $seed: 4 writers to 4 readers ($kinds), closed $closing',
  async ({ round, seed, closing, kinds }) => {
    console.log(`STRESS_SEED=${seed}`)
    const { reader, writer } = pipe({ window: [256 * 1024, 4096, 1024, 65536][round % 4] as number })
    const bytes = closing === 'at the end' ? 2_500_000 : Infinity
    const plan = (index: number): Plan => ({
      seed,
      index,
      kind: kinds[index % kinds.length] as Kind,
      bytes,
      maxBytes: MAX_BYTES,
      headerBytes: HEADER_BYTES,
    })
    const writers = [0, 1, 2, 3].map((i) => startWriter(handleOf(writer), plan(i)))
    const readers = [0, 1, 2, 3].map((i) => startReader(handleOf(reader), plan(i)))
    if (closing !== 'at the end') {
      const closeAfter = 500_000 + ((seed * 7919) % 3_000_000)
      while (reader.stats().bytesRead < closeAfter) await new Promise((resolve) => setTimeout(resolve, 0))
      if (closing === 'by the reader') reader.close()
      else writer.close()
    }
    const wrote = await Promise.all(writers)
    writer.close()
    const read = await Promise.all(readers)

    const sent = wrote.reduce((sum, { sent }) => sum + sent, 0)
    const got = read.reduce((sum, { got }) => sum + got, 0)
    expect(got).toBe(sent)
    expect(reader.stats()).toMatchObject({ bytesWritten: sent, bytesRead: got })
    if (closing === 'at the end') expect(sent).toBeGreaterThanOrEqual(10_000_000)
    // A write that had met a read when the close came has gone over whole, and no other has gone at all.
    expect(read.reduce((sum, { torn }) => sum + torn, 0)).toBe(0)
    for (const index of [0, 1, 2, 3]) {
      expect(read.reduce((sum, { whole }) => sum + (whole[index] as number), 0)).toBe(wrote[index]?.whole)
    }
  },
)
