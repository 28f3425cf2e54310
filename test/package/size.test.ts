import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, inject, test } from 'vitest'

/** What the package costs those who download it, bundled and minified for a web page. */

/** Bytes, gzipped, that all of the core may take; and what the parts alone may. */
const CORE_BYTES = 18_000
const HELPER_BYTES = 1500
const ERROR_BYTES = 400

async function bundle(exported: string): Promise<{ bytes: number; text: string; files: string[] }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: `export ${exported} from 'threadpipe'`, resolveDir: inject('project') },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
    metafile: true,
  })
  const [output] = Object.values(metafile.outputs)
  const used = Object.entries(output?.inputs ?? {}).filter(([, { bytesInOutput }]) => bytesInOutput > 0)
  const text = outputFiles[0]?.text ?? ''
  return {
    bytes: gzipSync(text, { level: 9 }).length,
    text,
    files: used.map(([file]) => file.replace(/^.*node_modules\/(?:threadpipe\/dist\/)?/, '')).sort(),
  }
}

test('the core keeps to its budget, and needs no other package', async () => {
  const { bytes, files } = await bundle('*')
  console.log(`the core: ${bytes} bytes, minified and gzipped`)
  expect(bytes).toBeLessThan(CORE_BYTES)
  expect(files.filter((file) => file.includes('/') && !file.startsWith('platform/'))).toEqual([])
})

test.each(['copySync', 'readFullSync', 'readAllSync'])('%s alone brings no pipe with it', async (helper) => {
  const { bytes, text, files } = await bundle(`{ ${helper} }`)
  console.log(`${helper}: ${bytes} bytes`)
  expect(files).toEqual(['core.js'])
  expect(text).not.toMatch(/Atomics|SharedArrayBuffer/)
  expect(bytes).toBeLessThan(HELPER_BYTES)
})

test('the class of errors alone brings nothing with it', async () => {
  const { bytes, files } = await bundle('{ PipeError }')
  expect(files).toEqual(['core.js'])
  expect(bytes).toBeLessThan(ERROR_BYTES)
})

test('a reader alone brings no writer with it', async () => {
  const [all, reader] = await Promise.all([bundle('*'), bundle('{ PipeReader }')])
  console.log(`a reader alone: ${reader.bytes} bytes`)
  const writers = /writevSync|readAtLeastSync|node:/
  expect(all.text).toMatch(writers)
  expect(reader.text).not.toMatch(writers)
  expect(reader.text).toMatch(/readSync/)
})
