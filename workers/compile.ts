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

/** What threads and processes that run it are started with. */
export const COMPILED_ARGS = ['--conditions=threadpipe-source']

const ROOT = new URL('../', import.meta.url)
const path = (name: string, base: URL = ROOT): string => fileURLToPath(new URL(name, base))

/** Compiles `entries` of this package, and all that they import. Types are not checked. */
export async function compile(name: string, entries: readonly string[]): Promise<Compiled> {
  const root = new URL(`out/${name}-${process.pid}/`, ROOT)
  mkdirSync(root, { recursive: true })
  await compileTree(ROOT, entries, root)
  writeManifest(root)
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

/** This package's manifest for a folder of plain JavaScript. */
export function writeManifest(folder: URL): void {
  const manifest = JSON.parse(readFileSync(path('package.json'), 'utf8')) as Record<string, unknown>
  const { name, version, type, exports, imports } = manifest
  const kept = JSON.stringify({ name, version, type, exports, imports })
  writeFileSync(path('package.json', folder), kept.replaceAll(/(\.\/src\/[^"]*)\.ts"/g, '$1.js"'))
}
