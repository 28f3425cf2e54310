import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkKnown, readArguments } from '../../workers/arguments.ts'
import { type Compiled, compile } from '../../workers/compile.ts'
import type { Outcome } from '../conformance/run.ts'
import { type Binary, findBun, findChromium, findDeno, findNode, installPackages } from './binaries.ts'
import { runPage } from './browser.ts'
import { brokenOff, type Run, runProgram, staysAlive } from './programs.ts'
import { tableIn, tableOf, withTable } from './table.ts'

/**
 * Runs the conformance suite on every runtime that it can find, on what `npm run build` makes. Says which it could not find, and ends with one
 * line of counts. Compares the table in the README with what it has seen.
 *
 *     npm run test:runtimes -- [--only NAME]… [--write]
 */

interface Target {
  /** Its row in the table. */
  name: string
  find(): Binary | undefined
  /** What to do where it is not found. */
  hint: string
  run(binary: Binary, folder: URL): Promise<Run>
}

const PACKAGES = 'test/runtimes/packages has it for Linux on x64'
const DENO = ['run', '--allow-all']
const DENO_SPARING = ['run', '--no-prompt', '--allow-read=.']

const TARGETS: readonly Target[] = [
  ...[20, 22, 24, 26].map((major) => ({
    name: `Node ${major}`,
    find: () => findNode(major),
    hint: PACKAGES,
    run: ({ path }: Binary, folder: URL) => runProgram(path, [], folder, 'node:worker_threads'),
  })),
  {
    name: 'Deno',
    find: findDeno,
    hint: PACKAGES,
    async run({ path }, folder) {
      const { outcomes, stderr } = await runProgram(path, DENO, folder, 'node:worker_threads')
      const name = 'it needs no permission but to read its own files'
      return { outcomes: [...outcomes, await staysAlive(name, path, DENO_SPARING, folder)], stderr }
    },
  },
  {
    name: 'Deno, web Workers',
    find: findDeno,
    hint: PACKAGES,
    run: ({ path }, folder) => runProgram(path, DENO, folder, 'web'),
  },
  {
    name: 'Bun',
    find: findBun,
    hint: PACKAGES,
    run: ({ path }, folder) => runProgram(path, [], folder, 'node:worker_threads'),
  },
  {
    name: 'Bun, web Workers',
    find: findBun,
    hint: PACKAGES,
    run: ({ path }, folder) => runProgram(path, [], folder, 'web'),
  },
  {
    name: 'Chromium',
    find: findChromium,
    hint: 'apt-get install chromium',
    run: ({ path }, folder) => runPage(path, folder),
  },
]

const ENTRIES = ['main', 'alive', 'page'].map((name) => `test/conformance/${name}.ts`)
const THREADS = ['runner', 'web-runner'].map((name) => `workers/${name}.ts`)
const README = new URL('../../README.md', import.meta.url)

/** The suite as plain JavaScript, beside the package as it is published. */
async function compileAll(): Promise<Compiled> {
  const compiled = await compile('conformance', [...ENTRIES, ...THREADS])
  const root = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url))
  const outDir = fileURLToPath(new URL('dist', compiled.root))
  const args = [root('node_modules/typescript/bin/tsc'), '-p', root('tsconfig.build.json'), '--outDir', outDir]
  try {
    execFileSync(process.execPath, args, { stdio: 'inherit' })
  } catch (error) {
    compiled.remove()
    throw error
  }
  return compiled
}

const values = readArguments('Usage: npm run test:runtimes -- [--only RUNTIME]... [--write]', () => {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true, default: [] }, write: { type: 'boolean', default: false } },
  })
  const names = TARGETS.map(({ name }) => name)
  for (const name of values.only) checkKnown('only', name, names)
  return values
})
const wanted = TARGETS.filter(({ name }) => values.only.length === 0 || values.only.includes(name))

const counts = { passed: 0, failed: 0, skipped: 0 }
const results = new Map<string, readonly Outcome[]>()
const missing = installPackages()
if (missing !== undefined) console.log(`not all runtimes could be installed: ${missing}`)
const compiled = await compileAll()
try {
  for (const target of wanted) await test(target)
} finally {
  compiled.remove()
}
compareReadme()
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed === 0 ? 0 : 1

async function test({ name, find, hint, run }: Target): Promise<void> {
  const binary = find()
  if (binary === undefined) {
    counts.skipped += 1
    console.log(`skipped: ${name}: not found (${hint})`)
    return
  }
  const startedMs = performance.now()
  const { outcomes, stderr } = await run(binary, compiled.root).catch(
    (error: Error): Run => ({ outcomes: [brokenOff(error.message, [])], stderr: '' }),
  )
  const failed = outcomes.filter(({ error }) => error !== undefined)
  counts.failed += failed.length
  counts.passed += outcomes.length - failed.length
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  const lacks = outcomes.filter(({ limit }) => limit !== undefined).length
  console.log(
    `${failed.length === 0 ? '✓' : '✗'} ${name} (${binary.version}): ` +
      `${outcomes.length - failed.length} of ${outcomes.length} cases, ${lacks} known limits, ${seconds} s`,
  )
  for (const outcome of failed) console.log(`failed: ${name} > ${outcome.name}\n    ${outcome.error}`)
  if (failed.length > 0 && stderr !== '') console.log(stderr)
  else results.set(name, outcomes)
}

/** Writes the table, or holds the one that stands in the README against what was seen. */
function compareReadme(): void {
  const readme = readFileSync(README, 'utf8')
  const complete = results.size === TARGETS.length
  if (values.write) {
    if (complete) writeFileSync(README, withTable(readme, tableOf(results)))
    else console.log('the table is not written: not every runtime was found and passed')
  } else if (complete && tableOf(results) !== tableIn(readme)) {
    counts.failed += 1
    console.log(
      `failed: the table in README.md is not what was seen: npm run test:runtimes -- --write\n\n${tableOf(results)}`,
    )
  }
}
