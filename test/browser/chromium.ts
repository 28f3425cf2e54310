import { type Browser, chromium, type Page } from 'playwright-core'

/** Pages in a real browser, with nothing shown. */

const LAUNCH_MS = 30_000
const ARGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars']

export interface OpenPage {
  page: Page
  /** What the page has complained of. */
  complaints: string[]
  close(): Promise<void>
}

/** Starts the browser at `path` with one empty page. */
export async function openPage(path: string, viewport = { width: 1280, height: 800 }): Promise<OpenPage> {
  const browser: Browser = await chromium.launch({ executablePath: path, args: ARGS, timeout: LAUNCH_MS })
  try {
    const page = await browser.newPage({ viewport })
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    return { page, complaints, close: () => browser.close() }
  } catch (error) {
    await browser.close()
    throw error
  }
}
