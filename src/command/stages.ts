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

/** The parts of a stage: most have one. @throws UsageError */
export function partsOf(text: string, settings: StageSettings): Part[] {
  return isBuiltIn(text) ? builtIn(text, settings) : [partOf(text, settings)]
}

function partOf(text: string, settings: StageSettings): Part {
  if (text.startsWith(PARALLEL)) {
    return parallel(modulePath(text.slice(PARALLEL.length), text), parallelOptions(settings))
  }
  if (text.startsWith(EXEC)) {
    const line = text.slice(EXEC.length)
    if (hasOpenQuote(line)) throw new UsageError(`'${text}' has a quote that is not closed`)
    const [command, ...args] = parseWords(line)
    if (command === undefined) throw new UsageError(`'${text}' names no command`)
    return exec(command, args)
  }
  return stage(modulePath(text, text))
}

function hasOpenQuote(line: string): boolean {
  return /["']/.test(line.replaceAll(/"[^"]*"|'[^']*'/g, ''))
}

/** Whether a stage reads everything, and then says one line. */
export function isSummary(text: string): boolean {
  return isBuiltIn(text) && BUILT_IN[text] === 'summary'
}

function builtIn(name: keyof typeof BUILT_IN, settings: StageSettings): Part[] {
  if (BUILT_IN[name] !== 'parallel') {
    const { sourceName, print } = settings
    return [stage(moduleOf(name), { name, data: { sourceName, print } satisfies Summary })]
  }
  const part = parallel(moduleOf(name), { name, ...parallelOptions(settings) })
  return name === 'brotli' ? [part, stage(moduleOf('brotli-end'), { name: 'brotli end' })] : [part]
}

function moduleOf(name: string): URL {
  return new URL(`./built-in/${name}${extname(import.meta.url)}`, import.meta.url)
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
