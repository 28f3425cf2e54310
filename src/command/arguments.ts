import { parseArgs } from 'node:util'
import { UsageError } from './usage.ts'

/** What the command was asked for. */
export interface Arguments {
  readonly show: 'help' | 'version' | undefined
  readonly stages: readonly string[]
  /** undefined = standard input */
  readonly source: string | undefined
  /** undefined = standard output */
  readonly target: string | undefined
  readonly threads: number | undefined
  readonly chunk: number | undefined
  readonly capacity: number | undefined
  /** undefined = where there is a terminal */
  readonly progress: boolean | undefined
  readonly stats: boolean
}

const MAX_THREADS = 1024
const MAX_BYTES = 2 ** 30

/** @throws UsageError */
export function parseArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parsed(args)
  const show = values.help === true ? 'help' : values.version === true ? 'version' : undefined
  if (values.stats !== undefined && values.stats !== 'json') {
    throw new UsageError(`--stats takes json, not '${values.stats}'`)
  }
  if (show === undefined && positionals.length === 0) throw new UsageError('there must be at least 1 stage, not 0')
  return {
    show,
    stages: positionals,
    source: fileOf('--in', values.in),
    target: fileOf('--out', values.out),
    threads: numberOf('--threads', values.threads, 1, MAX_THREADS, false),
    chunk: numberOf('--chunk', values.chunk, 1, MAX_BYTES),
    capacity: numberOf('--capacity', values.capacity, 0, MAX_BYTES),
    progress: values.progress,
    stats: values.stats === 'json',
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      allowNegative: true,
      options: {
        in: { type: 'string' },
        out: { type: 'string' },
        threads: { type: 'string' },
        chunk: { type: 'string' },
        capacity: { type: 'string' },
        progress: { type: 'boolean' },
        stats: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
      },
    })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    // Its first sentence: the others tell how to write what is no option here.
    throw new UsageError(message.split(/[.\n] ?/, 1)[0])
  }
}

function fileOf(option: string, value: string | undefined): string | undefined {
  if (value === '') throw new UsageError(`${option} takes the name of a file, not an empty one`)
  return value === '-' ? undefined : value
}

const NUMBER = /^(\d+)([KMG]?)$/i
const UNITS: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }

function numberOf(option: string, text: string | undefined, low: number, high: number, units = true) {
  if (text === undefined) return undefined
  const [, digits, unit = ''] = NUMBER.exec(text) ?? []
  const value = Number(digits) * (UNITS[unit.toUpperCase()] as number)
  if (value >= low && value <= high && (units || unit === '')) return value
  throw new UsageError(`${option} takes a whole number from ${low} to ${high}, not '${text}'`)
}
