import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Contestant, Missing } from './contestant.ts'

/** Programs in C and Go that the pipe is held against, compiled here where there is a compiler. */

const PROGRAMS = {
  c: { source: 'limits.c', compile: (from: string, to: string) => ['cc', '-O2', '-pthread', '-o', to, from] },
  go: { source: 'pipe.go', compile: (from: string, to: string) => ['go', 'build', '-o', to, from] },
} as const

export type Language = keyof typeof PROGRAMS

const folder = mkdtempSync(join(tmpdir(), 'threadpipe-native-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const compiled = new Map<Language, string | undefined>()

/** The path of a program; undefined if there is no compiler. */
function program(language: Language): string | undefined {
  if (compiled.has(language)) return compiled.get(language)
  const { source, compile } = PROGRAMS[language]
  const target = join(folder, language)
  const [command, ...args] = compile(fileURLToPath(new URL(`native/${source}`, import.meta.url)), target) as [string]
  const { status, error, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error === undefined && status !== 0) throw new Error(`${command} could not compile ${source}:\n${stderr}`)
  const path = error === undefined ? target : undefined
  compiled.set(language, path)
  return path
}

/** What a compiler says of itself, or why there is none. */
export function compilerVersion(language: Language): string {
  const [command, flag] = language === 'c' ? ['cc', '--version'] : ['go', 'version']
  const { stdout, error } = spawnSync(command as string, [flag as string], { encoding: 'utf8' })
  return error === undefined ? (stdout.split('\n')[0] as string) : `no ${command} here`
}

export function native(name: string, language: Language, args: readonly string[]): Contestant | Missing {
  const path = program(language)
  if (path === undefined) return { name, missing: `no ${language === 'c' ? 'C compiler' : 'go'} here` }
  const child: ChildProcess = spawn(path, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> })[Symbol.asyncIterator]()
  return {
    name,
    round: async (ms) => {
      child.stdin?.write(`${ms}\n`)
      const { value, done } = await lines.next()
      if (done === true) throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}`)
      return Number(value)
    },
    stop: async () => {
      child.stdin?.end()
      if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}
