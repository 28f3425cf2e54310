import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

/**
 * The entry of the soak's threads as plain JavaScript, beside the library's source as such: kills take a new thread each, and one that has to
 * compile TypeScript first takes five times as long to start.
 */
export interface Compiled {
  entry: URL
  execArgv: string[]
  remove(): void
}

const ROOT = new URL('../../', import.meta.url)
const path = (name: string, base: URL = ROOT): string => fileURLToPath(new URL(name, base))

export async function compileThreads(): Promise<Compiled> {
  const out = new URL(`out/soak-${process.pid}/`, ROOT)
  mkdirSync(out, { recursive: true })
  const config = path('tsconfig.json', out)
  const compilerOptions = { noEmit: false, noCheck: true, rootDir: path('.'), outDir: path('.', out) }
  const files = [path('test/soak/worker.ts'), path('src/index.ts')]
  writeFileSync(config, JSON.stringify({ extends: path('tsconfig.json'), compilerOptions, include: [], files }))
  await promisify(execFile)(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', config])

  const manifest = JSON.parse(readFileSync(path('package.json'), 'utf8')) as Record<string, unknown>
  const { name, type, exports, imports } = manifest
  const kept = JSON.stringify({ name, type, exports, imports })
  writeFileSync(path('package.json', out), kept.replaceAll(/(\.\/src\/[^"]*)\.ts"/g, '$1.js"'))
  return {
    entry: pathToFileURL(path('test/soak/worker.js', out)),
    execArgv: ['--conditions=threadpipe-source'],
    remove: () => rmSync(out, { recursive: true, force: true }),
  }
}
