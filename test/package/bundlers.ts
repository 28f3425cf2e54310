import { mkdirSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import { build as esbuild } from 'esbuild'
import { rollup } from 'rollup'
import { build as vite } from 'vite'
import webpack, { type Configuration } from 'webpack'

/** One way to bundle the two programs below: for Node, each by itself; for a web page, with the worker that the page starts. */
export interface Bundler {
  name: string
  forNode(entries: Entries, target: string): Promise<void>
  forPage(entries: Entries, target: string): Promise<void>
}

/** The files to bundle; each keeps its name, with `.js`. */
export interface Entries {
  main: string
  worker: string
}

/** What a program for Node is made of: it starts the worker that its argument names, which writes to it. */
const NODE_MAIN = `import { Worker } from 'node:worker_threads'
  import { pipe, readAllSync } from 'threadpipe'
  import { fdWriter } from 'threadpipe/node'
  const { reader, writer } = pipe()
  new Worker(process.argv[2], { workerData: writer })
  fdWriter(1).writeSync(readAllSync(reader))`
const NODE_WORKER = `import { workerData } from 'node:worker_threads'
  import { PipeWriter } from 'threadpipe'
  const writer = PipeWriter.from(workerData)
  writer.writeSync('through ')
  writer.writeSync('a bundled thread')
  writer.close()`

/** The same for a page, as bundlers want workers to be written; what it has read becomes its title. */
const PAGE_MAIN = `import { pipe } from 'threadpipe'
  import { toReadableStream } from 'threadpipe/web'
  const { reader, writer } = pipe()
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.postMessage(writer)
  document.title = await new Response(toReadableStream(reader)).text()`
const PAGE_WORKER = `import { PipeWriter } from 'threadpipe'
  self.onmessage = ({ data }) => {
    const writer = PipeWriter.from(data)
    writer.writeSync('through ')
    writer.writeSync('a bundled Worker')
    writer.close()
  }`

/** Writes the programs. */
export function writePrograms(folder: string): { node: Entries; page: Entries } {
  const write = (kind: string, main: string, worker: string): Entries => {
    mkdirSync(join(folder, kind), { recursive: true })
    const entries = { main: join(folder, kind, 'main.js'), worker: join(folder, kind, 'worker.js') }
    writeFileSync(entries.main, main)
    writeFileSync(entries.worker, worker)
    writeFileSync(join(folder, kind, 'index.html'), PAGE)
    writeFileSync(join(folder, kind, 'package.json'), '{ "type": "module" }')
    return entries
  }
  return { node: write('node', NODE_MAIN, NODE_WORKER), page: write('page', PAGE_MAIN, PAGE_WORKER) }
}

/** What a page's main program is started with. */
export const PAGE =
  '<!doctype html><title>waiting</title><link rel="icon" href="data:,"><script type="module" src="./main.js"></script>'

const builtins = builtinModules.flatMap((name) => [name, `node:${name}`])

export const BUNDLERS: readonly Bundler[] = [
  {
    name: 'esbuild',
    forNode: (entries, outdir) => withEsbuild(entries, outdir, 'node'),
    forPage: (entries, outdir) => withEsbuild(entries, outdir, 'browser'),
  },
  {
    name: 'rollup',
    forNode: (entries, dir) => withRollup(entries, dir, ['node']),
    forPage: (entries, dir) => withRollup(entries, dir, ['browser']),
  },
  {
    name: 'vite',
    async forNode(entries, outDir) {
      const options = { outDir, emptyOutDir: false, ssr: true, rolldownOptions: { input: { ...entries } } }
      await vite({ configFile: false, logLevel: 'warn', build: options, ssr: { noExternal: true } })
    },
    async forPage(entries, outDir) {
      await vite({
        configFile: false,
        logLevel: 'warn',
        root: join(entries.main, '..'),
        build: { outDir, emptyOutDir: true, target: 'esnext' },
        worker: { format: 'es' },
      })
    },
  },
  {
    name: 'webpack',
    forNode: (entries, path) => withWebpack({ target: 'node', entry: { ...entries } }, path),
    forPage: ({ main }, path) => withWebpack({ target: 'web', entry: { main } }, path),
  },
]

async function withEsbuild(entries: Entries, outdir: string, platform: 'node' | 'browser'): Promise<void> {
  await esbuild({ entryPoints: { ...entries }, outdir, bundle: true, minify: true, format: 'esm', platform })
}

async function withRollup(entries: Entries, dir: string, exportConditions: string[]): Promise<void> {
  const bundle = await rollup({
    input: { ...entries },
    external: builtins,
    plugins: [nodeResolve({ exportConditions })],
    onwarn: (warning) => {
      throw new Error(warning.message)
    },
  })
  await bundle.write({ dir, format: 'es' })
  await bundle.close()
}

function withWebpack(config: Configuration, path: string): Promise<void> {
  const compiler = webpack({
    mode: 'production',
    experiments: { outputModule: true },
    output: { path, module: true, chunkFormat: 'module', filename: '[name].js' },
    ...config,
  })
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      const said = stats?.hasErrors() || stats?.hasWarnings() ? stats.toString('errors-warnings') : undefined
      compiler.close(() => {
        if (error !== null || said !== undefined) reject(error ?? new Error(said))
        else resolve()
      })
    })
  })
}
