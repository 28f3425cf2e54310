import { spawn } from 'node:child_process'
import { parseArgs } from 'node:util'
import ora from 'ora'
import { numberOf, readArguments } from '../../workers/arguments.ts'
import { type SoakResult, soak } from './soak.ts'
import { faultReport, table } from './table.ts'

/** `npm run soak -- [--minutes N] [--seed N] [--lanes N] [--pipe N]`: pipes of all kinds under load, for as long as you like. */

const USAGE = 'Usage: npm run soak -- [--minutes N] [--seed N] [--lanes N] [--pipe N]'
const MAX_SEED = 2 ** 31
const PLAIN_EVERY_MS = 10_000

interface Options {
  minutes: number
  seed: number
  lanes: number
  pipe: number | undefined
}

function options(): Options {
  const text = { type: 'string' } as const
  const { values } = parseArgs({ options: { minutes: text, seed: text, lanes: text, pipe: text } })
  return {
    minutes: numberOf('minutes', values.minutes ?? '1', 0, Infinity),
    seed: Math.floor(numberOf('seed', values.seed ?? String(Date.now() % MAX_SEED), 0, MAX_SEED)),
    lanes: Math.floor(numberOf('lanes', values.lanes ?? '2', 1, 64)),
    pipe: values.pipe === undefined ? undefined : Math.floor(numberOf('pipe', values.pipe, 0, MAX_SEED)),
  }
}

/** Says how far it is: on one line where a terminal looks on, else now and then. */
function progress(minutes: number) {
  const line = ({ tally, minutes: gone, faults, memory }: SoakResult): string =>
    `${gone.toFixed(1)} of ${minutes} min, ${tally.pipes} pipes, ${(tally['bytes read'] / 1e9).toFixed(2)} GB, ` +
    `${memory.end.toFixed(0)} MiB, ${faults.length} faults`
  if (process.stderr.isTTY) {
    const spinner = ora().start()
    return {
      show: (result: SoakResult) => {
        spinner.text = line(result)
      },
      stop: () => spinner.stop(),
    }
  }
  let saidMs = performance.now()
  return {
    show: (result: SoakResult) => {
      if (performance.now() - saidMs < PLAIN_EVERY_MS) return
      saidMs = performance.now()
      console.error(line(result))
    },
    stop: () => {},
  }
}

/**
 * Settings of glibc's malloc, without which it keeps freed buffers of up to 32 MiB for itself, in heaps of many threads: memory would seem to grow
 * for as long as sizes vary. They must be there when the process starts.
 */
const MALLOC = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '131072' }

/** Starts this program again, with these settings. */
function startAgain(): void {
  const env = { ...MALLOC, ...process.env }
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], { env, stdio: 'inherit' })
  process.on('SIGINT', () => child.kill('SIGINT'))
  child.on('exit', (code) => {
    process.exitCode = code ?? 2
  })
}

async function main({ minutes, seed, lanes, pipe }: Options): Promise<void> {
  const interrupt = new AbortController()
  // A terminal tells the process that started this one too, which tells it again.
  process.on('SIGINT', () => interrupt.abort())
  console.log(`seed ${seed}`)
  const { show, stop } = progress(minutes)
  const only = pipe === undefined ? {} : { pipe }
  const wanted = { minutes, seed, lanes, signal: interrupt.signal, onProgress: show, ...only }
  const result = await soak(wanted).finally(stop)
  console.log(table(result))
  if (result.faults.length > 0) {
    console.error(faultReport(result))
    process.exitCode = 1
  }
}

const wanted = readArguments(USAGE, options)
if (process.platform === 'linux' && process.env['MALLOC_MMAP_THRESHOLD_'] === undefined) startAgain()
else await main(wanted)
