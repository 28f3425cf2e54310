import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'

/** A folder of a test file, gone with it. */
export function folder(): { path: (name: string) => string; left: () => string[] } {
  const root = mkdtempSync(join(tmpdir(), 'threadpipe-'))
  afterAll(() => rmSync(root, { recursive: true, force: true }))
  return { path: (name) => join(root, name), left: () => readdirSync(root).sort() }
}
