import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { createGunzip } from 'node:zlib'
import ora from 'ora'
import { Piscina } from 'piscina'
import { pipe } from 'threadpipe'
import type { GzipTask } from './gzip-members.ts'
import type { ReadFileTask } from './read-file.ts'
import { THREAD_ARGS } from './start.ts'
import type { WriteFileTask } from './write-file.ts'

/**
 * `npm start [FILE] [-- --out TARGET]`: takes a file through three threads that are joined by two pipes. One reads it, one compresses
 * it, one writes the result. Then the result is decompressed again and compared with the original.
 */

const USAGE = 'Usage: npm start -- [FILE] [--out TARGET]'
const PROGRESS_MS = 100
const STAGES = ['read', 'gzip', 'write'] as const

const moduleUrl = (name: string): string => new URL(name, import.meta.url).href
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

interface Job {
  source: string
  target: string
  /** Where the output grows until it is checked: never under the final name. */
  part: string
}

function plan(args: string[]): Job {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { out: { type: 'string' } } })
  if (positionals.length > 1) throw new Error(`one FILE at a time, not ${positionals.length}`)
  const source = resolve(positionals[0] ?? process.execPath)
  if (!statSync(source).isFile()) throw new Error(`${source} is not a file`)
  const target = resolve(values.out ?? `out/${basename(source)}.gz`)
  if (values.out === undefined) mkdirSync(dirname(target), { recursive: true })
  if (existsSync(target) && !statSync(target).isFile()) throw new Error(`${target} is there, and is not a file`)
  return { source, target, part: `${target}.${process.pid}.part` }
}

async function run({ source, target, part }: Job, stop: AbortSignal): Promise<void> {
  const size = statSync(source).size
  const [raw, packed] = [pipe(), pipe()]
  stop.addEventListener('abort', () => {
    for (const { reader } of [raw, packed]) reader.abort(new Error('interrupted'))
  })
  const pool = new Piscina({
    minThreads: STAGES.length,
    maxThreads: STAGES.length,
    execArgv: THREAD_ARGS,
  })
  const spinner = ora({ text: `${basename(source)}, ${megabytes(size)}` }).start()
  const startedMs = performance.now()
  const progress = setInterval(() => {
    const done = raw.reader.stats().bytesRead
    const rate = done / 1e3 / (performance.now() - startedMs)
    const percent = size === 0 ? 100 : Math.floor((100 * done) / size)
    spinner.text = `${percent} % of ${megabytes(size)}, ${rate.toFixed(1)} MB/s`
  }, PROGRESS_MS)
  try {
    const tasks = [
      pool.run({ path: source, output: raw.writer } satisfies ReadFileTask, { filename: moduleUrl('./read-file.ts') }),
      pool.run({ input: raw.reader, output: packed.writer } satisfies GzipTask, {
        filename: moduleUrl('./gzip-members.ts'),
      }),
      pool.run({ path: part, input: packed.reader } satisfies WriteFileTask, {
        filename: moduleUrl('./write-file.ts'),
      }),
    ]
    const failures: unknown[] = []
    for (const task of tasks) {
      task.catch((error) => {
        failures.push(error)
        // A stage that failed has told its neighbours, unless it never began.
        for (const { reader } of [raw, packed]) reader.abort(error)
      })
    }
    // All of them, so that none is still at the part when it is removed.
    const ends = await Promise.allSettled(tasks)
    if (failures.length > 0) throw failures[0]
    const seconds = (performance.now() - startedMs) / 1e3
    const [sourceHash, members, targetHash] = ends.map((end) => (end as PromiseFulfilledResult<unknown>).value)

    clearInterval(progress)
    spinner.text = 'decompressing it again'
    const check = createHash('sha256')
    await pipeline(createReadStream(part), createGunzip(), check, { signal: stop })
    if (check.digest('hex') !== sourceHash) throw new Error('the output does not decompress to the input')
    renameSync(part, target)
    spinner.succeed(`${target} decompresses to the same bytes as ${source}`)

    const stats = [raw.reader.stats(), packed.reader.stats()] as const
    report({ bytesIn: stats[0].bytesRead, bytesOut: stats[1].bytesRead, seconds, stats, members, targetHash })
  } catch (error) {
    spinner.stop()
    throw error
  } finally {
    clearInterval(progress)
    rmSync(part, { force: true })
    await pool.destroy()
  }
}

interface Report {
  bytesIn: number
  bytesOut: number
  seconds: number
  stats: readonly [
    ReturnType<ReturnType<typeof pipe>['reader']['stats']>,
    ReturnType<ReturnType<typeof pipe>['reader']['stats']>,
  ]
  members: unknown
  targetHash: unknown
}

function report({ bytesIn, bytesOut, seconds, stats: [raw, packed], members, targetHash }: Report): void {
  const waits: Record<(typeof STAGES)[number], number> = {
    read: raw.writerWaitMs,
    gzip: raw.readerWaitMs + packed.writerWaitMs,
    write: packed.readerWaitMs,
  }
  const bottleneck = STAGES.reduce((least, stage) => (waits[stage] < waits[least] ? stage : least))
  const ratio = bytesIn === 0 ? '' : `, ${((100 * bytesOut) / bytesIn).toFixed(1)} %`
  console.log(`in          ${megabytes(bytesIn)}`)
  console.log(`out         ${megabytes(bytesOut)}${ratio}, ${members} gzip members`)
  console.log(`sha256      ${targetHash}`)
  console.log(`time        ${seconds.toFixed(2)} s`)
  console.log(`throughput  ${(bytesIn / 1e6 / seconds).toFixed(1)} MB/s`)
  for (const [name, pipe] of [
    ['read → gzip ', raw],
    ['gzip → write', packed],
  ] as const) {
    const wait = (ms: number): string => `${(ms / 1e3).toFixed(2)} s`
    console.log(`${name}  the writer waited ${wait(pipe.writerWaitMs)}, the reader ${wait(pipe.readerWaitMs)}`)
  }
  console.log(`bottleneck  the ${bottleneck} thread: it waited ${(waits[bottleneck] / 1e3).toFixed(2)} s in all`)
}

const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort())

try {
  await run(plan(process.argv.slice(2)), interrupt.signal)
} catch (error) {
  const { message, code } = error as NodeJS.ErrnoException
  console.error(`threadpipe: ${message}`)
  if (code?.startsWith('ERR_PARSE_ARGS') === true) console.error(USAGE)
  process.exitCode = interrupt.signal.aborted ? 130 : 1
}
