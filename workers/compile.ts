import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * Parts of this package as plain JavaScript, for tests and benches that start many threads or run for long: a thread that has to compile TypeScript first takes
 * five times as long to start, and what the compiler adds for names costs with every function that is made.
 */
export interface Compiled {
  /** A folder that is laid out as this package is. */
  readonly root: URL
  remove(): void
}

/** What threads and processes that run it are started with, where `threadpipe` is compiled, too. */
export const COMPILED_ARGS = ['--conditions=threadpipe-source']

const ROOT = new URL('../', import.meta.url)
const path = (name: string, base: URL = ROOT): string => fileURLToPath(new URL(name, base))

/**
 * Compiles `entries` of this package, and all that they import. Types are not checked.
 *
 * @param threadpipe what they get as `threadpipe`: its source, compiled too; or what is published, as `npm run build` has made it
 */
export async function compile(
  name: string,
  entries: readonly string[],
  threadpipe: 'source' | 'published' = 'source',
): Promise<Compiled> {
  const root = new URL(`out/${name}-${process.pid}/`, ROOT)
  mkdirSync(root, { recursive: true })
  await compileTree(ROOT, entries, root)
  if (threadpipe === 'source') writeManifest(root)
  return {
    root,
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

/** Compiles files of the folder `from` into the folder `to`. */
export async function compileTree(from: URL, files: readonly string[], to: URL): Promise<void> {
  const config = path('tsconfig.json', to)
  const compilerOptions = { noEmit: false, noCheck: true, rootDir: path('.', from), outDir: path('.', to) }
  const include = files.map((file) => path(file, from))
  writeFileSync(
    config,
    JSON.stringify({ extends: path('tsconfig.json'), compilerOptions, include: [], files: include }),
  )
  await promisify(execFile)(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', config])
}

/** This package's manifest for a folder of plain JavaScript. Of two folders with the same version the compiler takes only one. */
export function writeManifest(folder: URL, version?: string): void {
  const manifest = JSON.parse(readFileSync(path('package.json'), 'utf8')) as Record<string, unknown>
  const { name, type, exports, imports } = manifest
  const kept = JSON.stringify({ name, version: version ?? manifest['version'], type, exports, imports })
  writeFileSync(path('package.json', folder), kept.replaceAll(/(\.\/src\/[^"]*)\.ts"/g, '$1.js"'))
}
