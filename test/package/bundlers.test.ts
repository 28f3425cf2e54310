import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { preview } from 'vite'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ISOLATED } from '../../workers/page/isolated.ts'
import { type OpenPage, openPage } from '../browser/chromium.ts'
import { findChromium } from '../runtimes/binaries.ts'
import { BUNDLERS, PAGE, writePrograms } from './bundlers.ts'
import { run } from './project.ts'

/** The package within bundles, which run where nothing is installed: it has no file of its own that a bundler could leave behind. */

const { node, page } = writePrograms(inject('project'))
const target = mkdtempSync(join(tmpdir(), 'threadpipe-'))
const chromium = findChromium()?.path
const TITLE_MS = 20_000

afterAll(() => rmSync(target, { recursive: true, force: true }))

function folderOf(bundler: string, kind: string): string {
  const folder = join(target, bundler, kind)
  mkdirSync(folder, { recursive: true })
  return folder
}

/** All that is in the bundles of a folder. */
function textOf(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.m?js$/.test(file))
  return files.map((file) => readFileSync(join(folder, file), 'utf8')).join('\n')
}

describe.each(BUNDLERS)('$name', ({ name, forNode, forPage }) => {
  test('for Node', async () => {
    const folder = folderOf(name, 'node')
    await forNode(node, folder)
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
    expect(run(folder, process.execPath, 'main.js', join(folder, 'worker.js'))).toBe('through a bundled thread')
    expect(textOf(folder)).toContain('/proc/thread-self')
  })

  describe.skipIf(chromium === undefined)('for a web page (needs chromium: apt-get install chromium)', () => {
    let opened: OpenPage
    beforeAll(async () => {
      opened = await openPage(chromium as string)
    })
    afterAll(() => opened.close())

    test('runs in the browser', async () => {
      const folder = folderOf(name, 'page')
      await forPage(page, folder)
      if (!existsSync(join(folder, 'index.html'))) writeFileSync(join(folder, 'index.html'), PAGE)
      const server = await preview({
        configFile: false,
        root: join(folder, '..'),
        build: { outDir: 'page' },
        preview: { port: 0, host: '127.0.0.1', headers: ISOLATED },
      })
      try {
        await opened.page.goto(server.resolvedUrls?.local[0] as string)
        await opened.page.waitForFunction("document.title !== 'waiting'", undefined, { timeout: TITLE_MS })
        expect(await opened.page.title()).toBe('through a bundled Worker')
        expect(opened.complaints).toEqual([])
        expect(textOf(folder)).not.toContain('node:')
      } finally {
        await server.close()
      }
    })
  })
})
