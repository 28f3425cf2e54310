import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, preview } from 'vite'
import { ISOLATED } from '../../workers/page/isolated.ts'
import { openPage } from '../browser/chromium.ts'
import type { Outcome } from '../conformance/run.ts'
import { brokenOff, type Run } from './programs.ts'

/** Runs the conformance suite in a cross-origin-isolated page of a real browser, bundled as an application would be. */

const LIMIT_MS = 90_000

/** Bundles `test/conformance/page.js` of a compiled folder, serves it and opens it in the browser at `path`. */
export async function runPage(path: string, folder: URL): Promise<Run> {
  const root = new URL('test/conformance/', folder)
  writeFileSync(
    new URL('index.html', root),
    '<!doctype html><title>conformance</title><script type="module" src="./page.js"></script>',
  )
  const config = { root: fileURLToPath(root), configFile: false, logLevel: 'warn' } as const
  await build({ ...config, build: { target: 'esnext', minify: false }, worker: { format: 'es' } })
  const server = await preview({ ...config, preview: { port: 0, host: '127.0.0.1', headers: ISOLATED } })
  const opened = await openPage(path)
  const { page, complaints } = opened
  const outcomes: Outcome[] = []
  try {
    await page.exposeFunction('report', (outcome: Outcome) => void outcomes.push(outcome))
    const finished = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`hung for ${LIMIT_MS} ms`)), LIMIT_MS)
      void page.exposeFunction('finished', () => {
        clearTimeout(timer)
        resolve()
      })
    })
    await page.goto(server.resolvedUrls?.local[0] as string)
    await finished
  } catch (error) {
    outcomes.push(brokenOff((error as Error).message, outcomes))
  } finally {
    await opened.close()
    await server.close()
  }
  return { outcomes, stderr: complaints.join('\n') }
}
