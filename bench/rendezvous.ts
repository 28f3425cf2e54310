import { availableParallelism, cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { pipe } from 'threadpipe'
import type { DrainTask } from '../workers/drain.ts'
import { start } from '../workers/start.ts'

/** `npm run bench [-- --quick]`: time per blocking write between two threads, by size; the median of several rounds, sizes in turn. */

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } })
const ROUNDS = values.quick ? 3 : 9
const ROUND_MS = values.quick ? 40 : 200
const SIZES = [1, 64, 1024, 4096, 65536, 1 << 20, 16 << 20]
const WARM_UP_MS = 300
const CHECK_EVERY = 64

const drains = SIZES.map((size) => {
  const { reader, writer } = pipe()
  const worker = start('./drain.ts', { input: reader, bytes: size } satisfies DrainTask)
  return { size, writer, worker, source: new Uint8Array(size), rounds: [] as number[] }
})

/** Writes for a while. @returns nanoseconds per write */
function round({ writer, source, size }: (typeof drains)[number], ms: number): number {
  const every = size > 65536 ? 1 : CHECK_EVERY
  const startedMs = performance.now()
  let writes = 0
  let elapsedMs = 0
  while (elapsedMs < ms) {
    for (let i = 0; i < every; i += 1) writer.writeSync(source)
    writes += every
    elapsedMs = performance.now() - startedMs
  }
  return (elapsedMs * 1e6) / writes
}

for (const drain of drains) round(drain, WARM_UP_MS)
for (let i = 0; i < ROUNDS; i += 1) for (const drain of drains) drain.rounds.push(round(drain, ROUND_MS))

console.log(
  `Node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model.trim()}, median of ${ROUNDS} rounds`,
)
console.log('bytes per write       ns per write      (min – max)      GB/s')
for (const { size, writer, rounds } of drains) {
  writer.close()
  const sorted = rounds.toSorted((a, b) => a - b)
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)] as [number, number, number]
  const spread = `${least.toFixed(0)} – ${most.toFixed(0)}`
  const columns = [String(size).padStart(15), median.toFixed(0).padStart(19), spread.padStart(20)]
  console.log(...columns, (size / median).toFixed(2).padStart(7))
}
