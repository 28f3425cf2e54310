import { extname } from 'node:path'
import parseWords from 'string-argv'
import { exec, type Part, parallel, stage } from '../pipeline.ts'
import type { Summary } from './summary.ts'
import { UsageError } from './usage.ts'

/** What a STAGE of the command is. */

export interface StageSettings extends Summary {
  readonly threads: number | undefined
  readonly chunk: number | undefined
}

/** The stages that are built in, and how they run. */
const BUILT_IN = {
  gzip: 'parallel',
  brotli: 'parallel',
  gunzip: 'stage',
  sha256: 'summary',
  count: 'summary',
} as const

const PARALLEL = 'parallel:'
const EXEC = 'exec:'

/** @throws UsageError */
export function partOf(text: string, settings: StageSettings): Part {
  if (isBuiltIn(text)) return builtIn(text, settings)
  if (text.startsWith(PARALLEL)) {
    return parallel(modulePath(text.slice(PARALLEL.length), text), parallelOptions(settings))
  }
  if (text.startsWith(EXEC)) {
    const [command, ...args] = parseWords(text.slice(EXEC.length))
    if (command === undefined) throw new UsageError(`'${text}' names no command`)
    return exec(command, args)
  }
  return stage(modulePath(text, text))
}

/** Whether a stage reads everything, and then says one line. */
export function isSummary(text: string): boolean {
  return isBuiltIn(text) && BUILT_IN[text] === 'summary'
}

function builtIn(name: keyof typeof BUILT_IN, settings: StageSettings): Part {
  const module = new URL(`./built-in/${name}${extname(import.meta.url)}`, import.meta.url)
  if (BUILT_IN[name] === 'parallel') return parallel(module, { name, ...parallelOptions(settings) })
  const { sourceName, print } = settings
  return stage(module, { name, data: { sourceName, print } satisfies Summary })
}

function isBuiltIn(text: string): text is keyof typeof BUILT_IN {
  return Object.hasOwn(BUILT_IN, text)
}

function parallelOptions({ threads, chunk }: StageSettings) {
  return { ...(threads === undefined ? {} : { threads }), ...(chunk === undefined ? {} : { chunk }) }
}

function modulePath(path: string, text: string): string {
  if (path === '') throw new UsageError(`'${text}' names no module`)
  return path
}
