import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'

/** The tarball that `npm pack` gives, installed into an empty project. */

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder of the project. */
    project: string
  }
}

/** This repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url))

// What the runner has set is not what a user's npm and Node have.
const { NODE_OPTIONS: _nodeOptions, ...env } = process.env
const LIMIT_MS = 120_000

/** Runs a command in a folder, and gives what it prints. */
export function run(cwd: string, command: string, ...args: string[]): string {
  return execFileSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    timeout: LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

export default function setup({ provide }: TestProject): () => void {
  const project = mkdtempSync(join(tmpdir(), 'threadpipe-'))
  const packed = run(ROOT, 'npm', 'pack', '--json', '--pack-destination', project)
  const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[\n')))
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "private": true }')
  run(project, 'npm', 'install', '--no-audit', '--no-fund', '--prefer-offline', `./${filename}`)
  provide('project', project)
  return () => rmSync(project, { recursive: true, force: true })
}
