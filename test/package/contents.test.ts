import { readdirSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { ROOT } from './project.ts'

/** What is in the tarball, and where its maps lead. */

const installed = join(inject('project'), 'node_modules/threadpipe')

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

const sources = filesOf(join(ROOT, 'src')).map((file) => file.slice(0, -'.ts'.length))
/** Entry points, what two of them share, and modules in folders have JavaScript of their own; the others are joined into that of the core. */
const OWN = /^(?:core|index|node|web|pipeline|command|reasons)$|\//

test('holds the sources, what is compiled of each, and nothing else', () => {
  const made = (file: string): string[] => ['.d.ts', '.d.ts.map', ...(OWN.test(file) ? ['.js', '.js.map'] : [])]
  const expected = [
    ...sources.map((file) => `src/${file}.ts`),
    ...sources.flatMap((file) => made(file).map((suffix) => `dist/${file}${suffix}`)),
    ...['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'],
  ]
  expect(filesOf(installed)).toEqual(expected.sort())
})

test('says where everything is', () => {
  const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const targets = JSON.stringify([manifest.exports, manifest.imports]).match(/\.\/[^"]+/g) ?? []
  const files = filesOf(installed).map((file) => `./${file}`)
  const names = Object.keys(manifest.exports)
  expect(targets.filter((target) => !files.includes(target) && !names.includes(target))).toEqual([])
})

interface Lead {
  source: string
  line: string
}

/** Where a map says that the first place of `text` in a compiled file comes from. */
function lead(file: string, text: string): Lead {
  const path = join(installed, 'dist', file)
  const lines = readFileSync(path, 'utf8').split('\n')
  const line = lines.findIndex((candidate) => candidate.includes(text))
  const map = new SourceMap(JSON.parse(readFileSync(`${path}.map`, 'utf8')))
  const entry = map.findEntry(line, lines[line]?.indexOf(text) ?? -1)
  if (!('originalSource' in entry)) throw new Error(`${file}: no entry for ${text}`)
  const source = join(dirname(path), entry.originalSource)
  const original = readFileSync(source, 'utf8').split('\n')[entry.originalLine] ?? ''
  return { source: source.slice(installed.length + 1), line: original.slice(entry.originalColumn) }
}

describe('maps lead to the source', () => {
  test.each([
    ['core.js', 'new MadeHandle(', 'src/pipe.ts', /^new MadeHandle\(/],
    ['core.js', 'sourceBytes(source),', 'src/writer.ts', /^sourceBytes\(source\),/],
    ['platform/node.js', 'Buffer.from(', 'src/platform/node.ts', /^Buffer\.from\(/],
    ['pipe.d.ts', 'pipe(options', 'src/pipe.ts', /^pipe\(options/],
    ['reader.d.ts', 'readSync(target', 'src/reader.ts', /^readSync\(target/],
    ['node/streams.d.ts', 'toReadable(', 'src/node/streams.ts', /^toReadable\(/],
  ])('%s: %s', (file, text, source, line) => {
    const found = lead(file, text)
    expect(found.source).toBe(source)
    expect(found.line).toMatch(line)
  })

  test('every map, to files that are there', () => {
    const joined = sources.filter((file) => !OWN.test(file))
    for (const file of filesOf(installed).filter((name) => name.endsWith('.map'))) {
      const path = join(installed, file)
      const map = JSON.parse(readFileSync(path, 'utf8')) as { sources: string[] }
      const leads = map.sources.map((source) => join(dirname(path), source).slice(installed.length + 1)).sort()
      const own = file.replace(/^dist\/(.*?)(?:\.d)?\.[jt]s\.map$/, '$1')
      if (file === 'dist/core.js.map') expect(joined.map((source) => `src/${source}.ts`)).toEqual(leads)
      else expect(leads).toEqual([`src/${own}.ts`])
      for (const source of leads) expect(() => readFileSync(join(installed, source))).not.toThrow()
    }
  })
})
