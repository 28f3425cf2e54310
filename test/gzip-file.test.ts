import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { THREAD_ARGS } from '../workers/start.ts'

/** `npm start -- FILE`, where there is no sound in the file. */

const script = fileURLToPath(new URL('../workers/showcase.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let runs = 0

/** Runs the job in a folder of its own. */
async function job(args: string[], { limitKiB = 0, signals = [] as NodeJS.Signals[] } = {}) {
  runs += 1
  const cwd = join(folder, String(runs))
  mkdirSync(cwd)
  const node = [process.execPath, ...THREAD_ARGS, script, ...args]
  const command = limitKiB > 0 ? ['sh', '-c', `ulimit -f ${limitKiB * 2}; exec "$@"`, 'sh', ...node] : node
  const child = spawn(command[0] as string, command.slice(1), {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 30_000,
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => {
    stderr += chunk
    if (!stderr.includes('MB')) return
    for (const signal of signals.splice(0)) child.kill(signal)
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const errors = stderr.split('\n').filter((line) => line.startsWith('threadpipe:'))
  return { code, stdout, errors, stderr, cwd, left: readdirSync(cwd, { recursive: true }) }
}

function fileOf(bytes: Uint8Array): string {
  runs += 1
  const path = join(folder, `input-${runs}`)
  writeFileSync(path, bytes)
  return path
}

const compressible = Buffer.from('a line of text that repeats, more or less\n'.repeat(100_000))

describe('a file is compressed on all cores', () => {
  test.each([
    ['empty', Buffer.alloc(0)],
    ['of one byte', Buffer.from('x')],
    ['of exactly one chunk', Buffer.alloc(1024 * 1024, 7)],
    ['of several chunks', compressible],
  ])('%s', async (_, bytes) => {
    const source = fileOf(bytes)
    const { code, stdout, cwd, left } = await job([source])
    expect(code).toBe(0)
    const name = `${source.split('/').at(-1)}.gz`
    expect(left).toEqual(['out', `out/${name}`])
    const output = readFileSync(join(cwd, 'out', name))
    expect(gunzipSync(output).equals(bytes)).toBe(true)
    expect(stdout).toContain(createHash('sha256').update(output).digest('hex'))
    for (const row of ['in ', 'out ', 'sha256', 'time', 'throughput', 'from ', 'gzip', 'to ']) {
      expect(stdout).toMatch(new RegExp(`^${row}`, 'm'))
    }
  })

  test('gzip is what the others wait for', async () => {
    const { stdout } = await job([fileOf(readFileSync(process.execPath).subarray(0, 20_000_000))])
    expect(stdout).toMatch(/ s; the others wait for gzip$/m)
  }, 60_000)
})

describe('what goes wrong is one clear line, and nothing is left', () => {
  test.each([
    ['a missing file', ['no-such-file'], /ENOENT: no such file or directory.*no-such-file/],
    ['a directory as input', ['/'], /\/ is not a file/],
    [
      'a target in a folder that is not there',
      [script, '--out', '/no/such/folder/x'],
      /\/no\/such\/folder\/x cannot be written: ENOENT/,
    ],
    ['a folder as target', [script, '--out', tmpdir()], /is there, and is not a file/],
    ['a device as target', [script, '--out', '/dev/full'], /is there, and is not a file/],
    ['a forbidden target', [script, '--out', '/proc/x'], /\/proc\/x cannot be written: (ENOENT|EACCES|EPERM)/],
    ['two files', ['a', 'b'], /one FILE at a time, not 2/],
    ['an option that there is not', ['--bogus'], /Unknown option '--bogus'/],
    ['a file that cannot be read', ['/proc/self/mem'], /EIO|EACCES|EPERM/],
  ])('%s', async (_, args, words) => {
    const { code, errors, stdout, left } = await job(args)
    expect({ code, stdout, lines: errors.length }).toEqual({ code: 1, stdout: '', lines: 1 })
    expect(errors[0]).toMatch(words)
    expect(left.filter((name) => name !== 'out')).toEqual([])
    expect(existsSync('/dev/full')).toBe(true)
  })

  test('a full target', async () => {
    const noise = Buffer.alloc(3_000_000)
    for (let i = 0, state = 1; i < noise.length; i += 1) {
      state = Math.imul(state, 1664525) + 1013904223
      noise[i] = state >>> 24
    }
    const { code, errors, left } = await job([fileOf(noise), '--out', 'x.gz'], { limitKiB: 1000 })
    expect({ code, left, lines: errors.length }).toEqual({ code: 1, left: [], lines: 1 })
    expect(errors[0]).toMatch(/EFBIG: file too large/)
  })

  test.each([
    [130, 'SIGINT'],
    [143, 'SIGTERM'],
  ] as const)('it ends with %i after %s', async (expected, signal) => {
    const { code, left, errors } = await job([process.execPath, '--out', 'x.gz'], { signals: [signal] })
    expect({ code, left }).toEqual({ code: expected, left: [] })
    expect(errors.length).toBe(1)
  })

  test('it ends at once after two', async () => {
    const { code, left } = await job([process.execPath, '--out', 'x.gz'], { signals: ['SIGINT', 'SIGTERM'] })
    // Whichever comes second.
    expect([130, 143]).toContain(code)
    expect(left).toEqual([])
  })
})
