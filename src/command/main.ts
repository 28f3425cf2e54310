import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'
import { fromFd, fromFile, type Part, type PipelineRun, pipeline, toFd, toFile } from '../pipeline.ts'
import { type Arguments, parseArguments } from './arguments.ts'
import { isSummary, partsOf } from './stages.ts'
import { LiveTable, tableOf } from './table.ts'
import { HELP, UsageError } from './usage.ts'

const [STDIN, STDOUT, STDERR] = [0, 1, 2]
const [OK, FAILED, WRONG_USE] = [0, 1, 2]
/** What a shell gives for a command that a signal has ended: 128 and the signal's number. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const

/** The command, as it is called. @returns its exit code */
export async function main(args: readonly string[]): Promise<number> {
  // Nobody reads them any more: that is no failure of the command's own.
  process.stderr.on('error', () => {})
  process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code === 'EPIPE') return
    complain(message)
    process.exit(FAILED)
  })
  try {
    const asked = parseArguments(args)
    if (asked.show !== undefined) {
      process.stdout.write(asked.show === 'help' ? HELP : `${version()}\n`)
      return OK
    }
    return await run(asked)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    complain(`${error.message}; see threadpipe --help`)
    return WRONG_USE
  }
}

async function run(asked: Arguments): Promise<number> {
  const onTerminal = asked.target === undefined && isatty(STDOUT)
  // A line that is said at the very end can wait for the table to be done.
  const saysLater = onTerminal && isSummary(asked.stages.at(-1) as string)
  const live = asked.progress ?? (isatty(STDERR) && (!onTerminal || saysLater))
  const table = live && isatty(STDERR) ? new LiveTable(process.stderr) : undefined
  const started = pipeline(allParts(asked, saysLater), {
    ...(asked.capacity === undefined ? {} : { capacity: asked.capacity }),
    ...(table === undefined ? {} : { onProgress: (stats) => table.show(stats) }),
  })
  const signals = listen(started)
  let code: number = OK
  try {
    const { values } = await started.finished
    table?.done()
    if (saysLater) process.stdout.write(String(values.at(-1)))
  } catch (error) {
    table?.done()
    code = signals.received === undefined ? FAILED : SIGNALS[signals.received]
    if (signals.received === undefined) complain(`${(error as Error).message}${mistakeIn(error as Error)}`)
  } finally {
    signals.stop()
  }
  if (live && table === undefined) process.stderr.write(`${tableOf(started.stats())}\n`)
  if (asked.stats) process.stderr.write(`${JSON.stringify(started.stats())}\n`)
  return code
}

/** @throws UsageError */
function allParts({ source, target, stages, threads, chunk }: Arguments, saysLater: boolean): Part[] {
  const parts = stages.flatMap((text, i) => {
    const sourceName = i === 0 && source !== undefined ? source : '-'
    return partsOf(text, { threads, chunk, sourceName, print: !(saysLater && i === stages.length - 1) })
  })
  parts.unshift(source === undefined ? fromFd(STDIN) : fromFile(source))
  if (!saysLater) parts.push(target === undefined ? toFd(STDOUT) : toFile(target))
  return parts
}

/** Ends the run when a signal asks for it; at once when it asks again. */
function listen(run: PipelineRun) {
  const state = {
    received: undefined as keyof typeof SIGNALS | undefined,
    stop: (): void => {
      for (const name of Object.keys(SIGNALS)) process.off(name, onSignal)
    },
  }
  const onSignal = (signal: keyof typeof SIGNALS): void => {
    if (state.received !== undefined) process.exit(SIGNALS[signal])
    state.received = signal
    run.abort(new Error(`ended by ${signal}`))
  }
  for (const name of Object.keys(SIGNALS)) process.on(name, onSignal)
  return state
}

/** What is thrown by mistake, as a rule, in a module of the user's. */
const MISTAKES = ['TypeError', 'ReferenceError']
const LINE = /(file:\/\/[^\s)]+):(\d+):\d+/g
const OWN = new URL('../', import.meta.url).href

/** Where a mistake in a module is, as far as its stack tells. */
function mistakeIn({ cause }: Error): string {
  if (!(cause instanceof Error) || !MISTAKES.includes(cause.name) || 'code' in cause) return ''
  const lines = [...(cause.stack ?? '').matchAll(LINE)]
  const [, url = '', line = ''] = lines.find(([at]) => !at.startsWith(OWN)) ?? []
  return url === '' ? '' : ` (${relative('', fileURLToPath(url))}:${line})`
}

function complain(message: string): void {
  // One line, whatever is in it.
  process.stderr.write(`threadpipe: ${message.replaceAll(/\s*\n\s*/g, ' ')}\n`)
}

function version(): string {
  const manifest = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version
}
