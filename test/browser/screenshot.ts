import { fileURLToPath } from 'node:url'
import { build, preview } from 'vite'
import { findChromium } from '../runtimes/binaries.ts'
import { openPage } from './chromium.ts'

/** Takes the picture of the web page that the README shows, a little after its start. */

const FRAMES = '160'
const TARGET = fileURLToPath(new URL('../../docs/web-page.png', import.meta.url))
const configFile = fileURLToPath(new URL('../../workers/page/vite.config.ts', import.meta.url))

const chromium = findChromium()
if (chromium === undefined) {
  console.error('There is no chromium to take it with: apt-get install chromium')
  process.exit(1)
}
await build({ configFile, logLevel: 'warn' })
const server = await preview({ configFile, preview: { port: 0, host: '127.0.0.1' } })
const { page, close } = await openPage(chromium.path, { width: 1200, height: 800 })
try {
  await page.goto(server.resolvedUrls?.local[0] as string)
  await page.waitForFunction(`Number(document.querySelector('canvas').dataset.frames) >= ${FRAMES}`, undefined, {
    timeout: 60_000,
  })
  await page.screenshot({ path: TARGET })
} finally {
  await close()
  await server.close()
}
