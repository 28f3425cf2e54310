import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { showDifference } from './difference.ts'
import { ROOT } from './project.ts'

/**
 * Makes the API reference, a page for each entry point, of the docstrings, and holds `docs/reference` against it. A public name that has no docstring, or one
 * that links to nothing, is a fault. TypeDoc needs a compiler of another version than ours: they are a package of their own, in the folder `reference`.
 */

const reference = join(ROOT, 'docs/reference')
const fresh = join(ROOT, 'out/reference')

/** @returns whether all is well: written anew, or found as it should be */
export function checkReference(write: boolean): boolean {
  rmSync(fresh, { recursive: true, force: true })
  const typedoc = ['exec', '--workspace', 'threadpipe-reference', '--', 'typedoc', '--logLevel', 'Warn', '--out', fresh]
  const { status } = spawnSync('npm', typedoc, {
    cwd: ROOT,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) return false
  if (write) {
    rmSync(reference, { recursive: true, force: true })
    cpSync(fresh, reference, { recursive: true })
    return true
  }
  if (!showDifference(reference, fresh)) return true
  console.log('docs/reference is not what the docstrings say: npm run check:api -- --write')
  return false
}
