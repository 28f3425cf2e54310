import { SourceMap } from 'node:module'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, inject, test } from 'vitest'

/** What the package costs those who download it, bundled and minified for a web page. */

/** Bytes, gzipped, that all of the core may take; and what the parts alone may. */
const CORE_BYTES = 18_950
const HELPER_BYTES = 1500
const ERROR_BYTES = 400

/** Bundles something of the package. @returns its size, and which modules there is code of, by the maps */
async function bundle(exported: string): Promise<{ bytes: number; modules: string[] }> {
  const { outputFiles } = await build({
    stdin: { contents: `export ${exported} from 'threadpipe'`, resolveDir: inject('project') },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    outfile: 'bundle.js',
    sourcemap: 'external',
  })
  const [map, code] = ['.js.map', '.js'].map((suffix) => {
    const file = outputFiles.find(({ path }) => path.endsWith(suffix))
    if (file === undefined) throw new Error(`the bundle has no ${suffix}`)
    return file.text
  }) as [string, string]
  return { bytes: gzipSync(code, { level: 9 }).length, modules: modulesIn(code, new SourceMap(JSON.parse(map))) }
}

function modulesIn(code: string, map: SourceMap): string[] {
  const found = new Set<string>()
  for (const [line, text] of code.split('\n').entries()) {
    for (let column = 0; column < text.length; column += 1) {
      const entry = map.findEntry(line, column)
      if ('originalSource' in entry) found.add(entry.originalSource)
    }
  }
  found.delete('<stdin>')
  return [...found].map((file) => file.replace(/^.*node_modules\/(?:threadpipe\/src\/)?/, '')).sort()
}

test('the core keeps to its budget, and needs no other package', async () => {
  const { bytes, modules } = await bundle('*')
  console.log(`the core: ${bytes} bytes, minified and gzipped`)
  expect(bytes).toBeLessThan(CORE_BYTES)
  expect(modules).toContain('buffered-write.ts')
  expect(modules.filter((module) => module.includes('/') && !module.startsWith('platform/'))).toEqual([])
})

test.each(['copySync', 'readFullSync', 'readAllSync'])('%s alone brings no pipe with it', async (helper) => {
  const { bytes, modules } = await bundle(`{ ${helper} }`)
  console.log(`${helper}: ${bytes} bytes, of ${modules.join(', ')}`)
  expect(modules).toEqual(['checks.ts', 'errors.ts', 'io.ts'])
  expect(bytes).toBeLessThan(HELPER_BYTES)
})

test('the class of errors alone brings nothing with it', async () => {
  const { bytes, modules } = await bundle('{ PipeError }')
  expect(modules).toEqual(['errors.ts'])
  expect(bytes).toBeLessThan(ERROR_BYTES)
})

test('a reader alone brings no writer with it', async () => {
  const { bytes, modules } = await bundle('{ PipeReader }')
  console.log(`a reader alone: ${bytes} bytes`)
  expect(modules).toContain('reader.ts')
  expect(modules.filter((module) => /^(writer|write-operation|buffered-write|io|pipe)\.|node/.test(module))).toEqual([])
})
