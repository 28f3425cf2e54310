import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Finds the runtimes to test on. They come as packages of npm that carry a binary, pinned in `packages/`, and are installed once into a folder that
 * git ignores: together they are nearly a gigabyte, which nobody should have to fetch for `npm ci`.
 */

const pinned = new URL('./packages/', import.meta.url)
const cache = new URL('../../out/runtimes/', import.meta.url)
const INSTALL_MS = 300_000
const ANSWER_MS = 30_000

export interface Binary {
  path: string
  version: string
}

/** Installs the pinned packages, if they are not there. @returns why not all of them may be there */
export function installPackages(): string | undefined {
  const files = ['package.json', 'package-lock.json']
  const same = (file: string): boolean =>
    existsSync(new URL(file, cache)) &&
    readFileSync(new URL(file, cache), 'utf8') === readFileSync(new URL(file, pinned), 'utf8')
  if (files.every(same) && existsSync(new URL('node_modules/.package-lock.json', cache))) return undefined
  mkdirSync(cache, { recursive: true })
  for (const file of files) copyFileSync(new URL(file, pinned), new URL(file, cache))
  console.log('installing the runtimes, once')
  // They are optional dependencies: what there is not for this system is left out.
  const { status, stderr, error } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: cache,
    encoding: 'utf8',
    timeout: INSTALL_MS,
  })
  return status === 0 ? undefined : `npm ci: ${error?.message ?? stderr.trim()}`
}

/** The Node of a major version: the one that runs this, if it is of that version. */
export function findNode(major: number): Binary | undefined {
  if (Number(process.versions.node.split('.')[0]) === major)
    return { path: process.execPath, version: process.versions.node }
  return installed(`node-${major}/bin/node`)
}

export function findDeno(): Binary | undefined {
  return installed('@deno/linux-x64-glibc/deno') ?? onPath('deno')
}

export function findBun(): Binary | undefined {
  return installed('@oven/bun-linux-x64/bin/bun') ?? onPath('bun')
}

export function findChromium(): Binary | undefined {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']) {
    const found = onPath(name)
    if (found !== undefined) return found
  }
  return undefined
}

function installed(file: string): Binary | undefined {
  return answering(fileURLToPath(new URL(`node_modules/${file}`, cache)))
}

function onPath(name: string): Binary | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const found = answering(join(folder, name))
    if (found !== undefined) return found
  }
  return undefined
}

/** A binary that runs here and says its version. */
function answering(path: string): Binary | undefined {
  if (!existsSync(path)) return undefined
  try {
    const said = execFileSync(path, ['--version'], { encoding: 'utf8', timeout: ANSWER_MS, stdio: 'pipe' })
    const [version] = /\d+(\.\d+)+/.exec(said) ?? []
    return version === undefined ? undefined : { path, version }
  } catch {
    return undefined
  }
}
