import { execFile } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { aimsTable } from '../bench/aims.ts'
import { speedTable, withSpeedTable } from '../bench/readme.ts'
import { COMPILED_ARGS, type Compiled, compile } from '../workers/compile.ts'

/**
 * Every block of code in the documents, as it stands: JavaScript is run, in a folder in which the package is installed, and so are commands. Commands of
 * this repository, which take it whole, must be scripts that there are; what they run has tests of its own.
 */

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const LIMIT_MS = 60_000
const DOCUMENTS = ['README.md', 'CONTRIBUTING.md', 'bench/README.md', ...pagesIn('docs')]
/** Made from the docstrings: what is not an example is a signature. */
const REFERENCE = [...pagesIn('docs/reference'), ...pagesIn('docs/reference/threadpipe')]

function pagesIn(folder: string): string[] {
  const names = readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'))
  return names.map((name) => join(folder, name))
}

interface Block {
  readonly at: string
  readonly language: string
  readonly code: string
}

function blocksOf(document: string): Block[] {
  const text = readFileSync(join(ROOT, document), 'utf8')
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ 1: language = '', 2: code = '', index }) => ({
    at: `${document}:${text.slice(0, index).split('\n').length}`,
    language,
    code,
  }))
}

const examples = REFERENCE.flatMap(blocksOf).filter(({ language }) => language === 'js')
const blocks = [...DOCUMENTS.flatMap(blocksOf), ...examples]
const named = (...languages: string[]): Block[] => blocks.filter(({ language }) => languages.includes(language))
/** What the comments behind `console.log(…)` say that it prints. */
const promised = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text = '']) => text)
/** Commands of the shell, without the words behind them. */
const commands = named('sh').flatMap(({ at, code }) =>
  code
    .split('\n')
    .map((line) => ({ at, command: line.replace(/\s+#.*$/, '').trim() }))
    .filter(({ command }) => command !== ''),
)
const isOurs = (command: string): boolean => /^(npm|npx vitest|git clone) /.test(command)

let compiled: Compiled
let folder: string

beforeAll(async () => {
  const builtIn = readdirSync(join(ROOT, 'src/command/built-in')).map((name) => `command/built-in/${name}`)
  const entries = ['index.ts', 'node.ts', 'web.ts', 'pipeline.ts', 'pipeline/thread.ts', 'command.ts', ...builtIn]
  compiled = await compile(
    'docs',
    entries.map((name) => `src/${name}`),
  )
  folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(fileURLToPath(compiled.root), join(folder, 'node_modules/threadpipe'))
  const command = [process.execPath, ...COMPILED_ARGS, fileURLToPath(new URL('src/command.js', compiled.root))]
  mkdirSync(join(folder, 'node_modules/.bin'))
  const bin = join(folder, 'node_modules/.bin/threadpipe')
  writeFileSync(bin, `#!/bin/sh\nexec ${command.join(' ')} "$@"\n`)
  chmodSync(bin, 0o755)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  // What the commands read.
  copyFileSync(join(ROOT, 'README.md'), join(folder, 'README.md'))
}, LIMIT_MS)

afterAll(() => {
  compiled?.remove()
  rmSync(folder, { recursive: true, force: true })
})

const env = { ...process.env, NODE_OPTIONS: '' }

test('there is no block that nobody runs', () => {
  const unknown = blocks.filter(({ language }) => !['js', 'sh', 'text', 'mermaid'].includes(language))
  expect(unknown.map(({ at, language }) => `${at}: ${language}`)).toEqual([])
  expect(named('js').length).toBeGreaterThan(0)
  for (const page of REFERENCE.filter((name) => !name.endsWith('README.md'))) {
    expect(examples.filter(({ at }) => at.startsWith(`${page}:`)).length, page).toBeGreaterThan(0)
  }
})

describe('JavaScript', () => {
  test.each(named('js').map(({ at, code }) => [at, code]))(
    '%s',
    async (at, code) => {
      // A block whose first line names its file is that file: others import it.
      const [, name = `${at.replaceAll(/\W/g, '-')}.mjs`] = /^\/\/ (\S+\.m?js)$/m.exec(code.split('\n')[0] ?? '') ?? []
      writeFileSync(join(folder, name), code)
      const args = [...COMPILED_ARGS, join(folder, name)]
      const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
        cwd: folder,
        env,
        timeout: LIMIT_MS,
      })
      expect(stderr).toBe('')
      expect(stdout.split('\n')).toEqual(expect.arrayContaining(promised(code)))
    },
    LIMIT_MS,
  )
})

describe('commands', () => {
  test.each(commands.filter(({ command }) => !isOurs(command)).map(({ at, command }) => [at, command]))(
    '%s: %s',
    async (_, command) => {
      const options = { cwd: folder, env, timeout: LIMIT_MS, maxBuffer: 2 ** 28, encoding: 'buffer' as const }
      await promisify(execFile)('bash', ['-ec', command], options)
    },
    LIMIT_MS,
  )

  test('those of this repository are there', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const ours = commands.filter(({ command }) => isOurs(command))
    expect(ours.length).toBeGreaterThan(0)
    for (const { at, command } of ours) {
      for (const [, name] of command.matchAll(/npm (?:run )?([\w:]+)/g)) {
        if (name !== 'ci' && name !== 'run') expect(Object.keys(scripts), `${at}: ${command}`).toContain(name)
      }
    }
  })
})

test('the table of speed in the README is what is filed', () => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  expect(withSpeedTable(readme, speedTable(new URL('../bench/results/', import.meta.url)))).toBe(readme)
})

test('the table of aims is what is filed', () => {
  const filed = readFileSync(join(ROOT, 'bench/results/aims.md'), 'utf8')
  expect(`${aimsTable(new URL('../bench/results/', import.meta.url))}\n`).toBe(filed)
})
