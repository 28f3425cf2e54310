import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PipeStats } from 'threadpipe'
import { build, type PreviewServer, preview } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { FIELD_BYTES, fillField, HEIGHT, lightField, PICTURE_BYTES, WIDTH } from '../workers/page/frames.ts'
import { sharesOf } from '../workers/page/shares.ts'
import { type OpenPage, openPage } from './browser/chromium.ts'
import { findChromium } from './runtimes/binaries.ts'
import { haveCoresAlone } from './support/alone.ts'

/** The web page of `workers/page`, in a real browser, by what it draws. */

const configFile = fileURLToPath(new URL('../workers/page/vite.config.ts', import.meta.url))
const chromium = findChromium()?.path
const WAIT = { timeout: 15_000 }
const FRAMES = 40
/** What the rounding of another engine's sines may change in a channel. */
const TOLERANCE = 2

interface Drawn {
  frames: string
  size: number[]
  /** In base64. */
  pixels: string
}

/** The picture of a frame, as it must be drawn. */
function pictureOf(frame: number): Uint8Array {
  const field = new Uint16Array(FIELD_BYTES / Uint16Array.BYTES_PER_ELEMENT)
  const picture = new Uint8Array(PICTURE_BYTES)
  fillField(field, frame)
  lightField(picture, field)
  return picture
}

/** How many bytes differ by more than the tolerance. */
function differing(a: Uint8Array, b: Uint8Array, tolerance: number): number {
  let count = Math.abs(a.length - b.length)
  for (let i = 0; i < b.length; i += 1) if (Math.abs((a[i] as number) - (b[i] as number)) > tolerance) count += 1
  return count
}

test('who waits for whom, from two looks at the pipes', () => {
  const stats = (writerWaitMs: number, readerWaitMs: number) => ({ writerWaitMs, readerWaitMs }) as PipeStats
  const from = { atMs: 1000, restedMs: 10, fields: stats(0, 0), pictures: stats(50, 70) }
  const to = { atMs: 1500, restedMs: 135, fields: stats(250, 125), pictures: stats(175, 1000) }
  expect(sharesOf(from, to)).toEqual({
    source: { before: 0, behind: 0.5, working: 0.5 },
    light: { before: 0.25, behind: 0.25, working: 0.5 },
    screen: { before: 1, behind: 0.25, working: 0 },
  })
})

describe.skipIf(chromium === undefined)('the web page (needs chromium: apt-get install chromium)', () => {
  // A browser that draws without a graphics card wants more than what is left of two cores.
  haveCoresAlone()
  const outDir = mkdtempSync(join(tmpdir(), 'threadpipe-'))
  let isolated: PreviewServer
  let opened: OpenPage

  const serve = (headers?: Record<string, string>) =>
    preview({
      configFile: headers === undefined ? configFile : false,
      root: fileURLToPath(new URL('../workers/page', import.meta.url)),
      build: { outDir },
      preview: { port: 0, host: '127.0.0.1', ...(headers && { headers }) },
    })
  const urlOf = (server: PreviewServer) => server.resolvedUrls?.local[0] as string

  beforeAll(async () => {
    await build({ configFile, logLevel: 'warn', build: { outDir, emptyOutDir: true } })
    isolated = await serve()
    opened = await openPage(chromium as string)
  }, 60_000)

  afterAll(async () => {
    await opened?.close()
    await isolated?.close()
    rmSync(outDir, { recursive: true, force: true })
  })

  test('draws every frame, and the last one to the pixel', async () => {
    const { page, complaints } = opened
    await page.goto(`${urlOf(isolated)}?frames=${FRAMES}`)
    await page.waitForSelector('text=All frames are drawn.', WAIT)
    const seen = (await page.evaluate(`(() => {
      const canvas = document.querySelector('canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const rows = Array.from({ length: canvas.height }, (_, y) => {
        return String.fromCharCode(...data.subarray(4 * canvas.width * y, 4 * canvas.width * (y + 1)))
      })
      return { frames: canvas.dataset.frames, size: [canvas.width, canvas.height], pixels: btoa(rows.join('')) }
    })()`)) as Drawn
    expect(seen.frames).toBe(String(FRAMES))
    expect(seen.size).toEqual([WIDTH, HEIGHT])
    const pixels = Buffer.from(seen.pixels, 'base64')
    expect(differing(pixels, pictureOf(FRAMES - 1), TOLERANCE)).toBe(0)
    // Neither one colour, nor the frame before.
    expect(new Set(pixels).size).toBeGreaterThan(100)
    expect(differing(pixels, pictureOf(FRAMES - 2), TOLERANCE)).toBeGreaterThan(1000)
    expect(complaints).toEqual([])
  })

  test('a stage that is made slower is waited for by the others, and the figures say so', async () => {
    const { page, complaints } = opened
    await page.goto(urlOf(isolated))
    const waitsFor = async (slow: string, condition: string) => {
      await page.locator(`[data-stage="${slow}"] input`).fill('60')
      await page.waitForFunction(condition, undefined, WAIT)
      await page.locator(`[data-stage="${slow}"] input`).fill('0')
    }
    const share = (stage: string, part: string) => `document.querySelector('[data-stage="${stage}"]').dataset.${part}`
    await waitsFor('light', `${share('source', 'behind')} > 60 && ${share('screen', 'before')} > 60`)
    await waitsFor('source', `${share('light', 'before')} > 60 && ${share('screen', 'before')} > 60`)
    await waitsFor('screen', `${share('source', 'behind')} > 60 && ${share('light', 'behind')} > 60`)
    expect(await page.textContent('[data-stage="light"] .words')).toMatch(/^waits \d+ % for source, \d+ % for screen$/)
    expect(Number(await page.textContent('#total'))).toBeGreaterThan(0)
    expect(complaints).toEqual([])
  })

  test('without the headers the package says what it needs', async () => {
    const server = await serve({})
    try {
      await opened.page.goto(urlOf(server))
      await opened.page.waitForSelector('.fault', WAIT)
      expect(await opened.page.textContent('.fault')).toMatch(
        /^Cannot make a pipe: there is no SharedArrayBuffer\. .* headers Cross-Origin-Opener-Policy/,
      )
    } finally {
      await server.close()
    }
  })
})
