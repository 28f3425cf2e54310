import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { COMPILED_ARGS, type Compiled, compile } from '../workers/compile.ts'
import { haveCoresAlone } from './support/alone.ts'
import { folder } from './support/folder.ts'
import { until } from './support/threads.ts'

/** The command itself, compiled, as a process of its own. */

const { path, left } = folder()
const LIMIT_MS = 30_000
let compiled: Compiled
let program: string[]

beforeAll(async () => {
  const builtIn = readdirSync(new URL('../src/command/built-in/', import.meta.url))
  compiled = await compile('command', [
    'src/command.ts',
    'src/pipeline/thread.ts',
    ...builtIn.map((name) => `src/command/built-in/${name}`),
  ])
  writeFileSync(path('words'), words)
  program = [...COMPILED_ARGS, fileURLToPath(new URL('src/command.js', compiled.root))]
}, 60_000)
afterAll(() => compiled.remove())

const env = { ...process.env, NODE_OPTIONS: '', FORCE_COLOR: '0' }

interface Outcome {
  code: number | null
  stdout: Buffer
  stderr: string
}

/** @param input what it reads; `null` leaves its standard input open after three bytes */
function run(args: string[], input: string | Uint8Array | null = ''): Promise<Outcome> {
  const child = spawn(process.execPath, [...program, ...args], { cwd: path('.'), env, timeout: LIMIT_MS })
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', (chunk) => stdout.push(chunk))
  child.stderr.on('data', (chunk) => stderr.push(chunk))
  child.stdin.on('error', () => {})
  if (input === null) child.stdin.write('abc')
  else child.stdin.end(input)
  return new Promise((resolve) => {
    child.on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr: String(Buffer.concat(stderr)) })
    })
  })
}

/** Runs a line of the shell, in which `threadpipe` is the command. */
function shell(line: string, input: string | Uint8Array = '') {
  const quoted = [process.execPath, ...program].map((word) => `'${word}'`).join(' ')
  const script = `set -o pipefail; threadpipe() { ${quoted} "$@"; }; ${line}`
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    cwd: path('.'),
    input,
    env,
    timeout: LIMIT_MS,
  })
  return { code: status, stdout: String(stdout), stderr: String(stderr) }
}

const words = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `the word ${(i * 7919) % 9973} and `).join(''))
const noise = Buffer.alloc(3_000_000)
for (let i = 0, state = 1; i < noise.length; i += 1) {
  state = Math.imul(state, 1664525) + 1013904223
  noise[i] = state >>> 24
}
const SAMPLES: [string, Uint8Array][] = [
  ['nothing', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['text', words],
  ['noise', noise],
  ['exactly two chunks', words.subarray(0, 2 * 1024 * 1024)],
  ['zeros', Buffer.alloc(5_000_000)],
  ['a program', readFileSync(process.execPath).subarray(0, 8_000_000)],
]

describe('stages that are built in', () => {
  test.each(SAMPLES)('gzip and gunzip: %s', async (_, bytes) => {
    const { code, stdout } = await run(['gzip'], bytes)
    expect(code).toBe(0)
    expect(gunzipSync(stdout).equals(bytes)).toBe(true)
    expect(execFileSync('gzip', ['-dc'], { input: stdout, maxBuffer: 2 ** 28 }).equals(bytes)).toBe(true)
    expect((await run(['gunzip'], stdout)).stdout.equals(bytes)).toBe(true)
  })

  test.each(SAMPLES)('brotli: %s', async (_, bytes) => {
    const { code, stdout } = await run(['brotli'], bytes)
    expect(code).toBe(0)
    expect(brotliDecompressSync(stdout).equals(bytes)).toBe(true)
  })

  test('brotli compresses better than gzip, in chunks of any size', async () => {
    const [gzip, brotli] = await Promise.all(['gzip', 'brotli'].map((name) => run([name], words)))
    expect(brotli?.stdout.length).toBeLessThan(gzip?.stdout.length ?? 0)
    for (const chunk of ['100', '70000', '16M']) {
      const { stdout } = await run(['brotli', '--chunk', chunk], words.subarray(0, 200_000))
      expect(brotliDecompressSync(stdout).equals(words.subarray(0, 200_000))).toBe(true)
    }
  })

  test('sha256 and count say what sha256sum and wc say', async () => {
    expect(shell('threadpipe sha256 < words').stdout).toBe(shell('sha256sum < words').stdout)
    expect(shell('threadpipe --in words sha256').stdout).toBe(shell('sha256sum words').stdout)
    expect(shell('threadpipe count < words').stdout).toBe(shell('wc -c < words').stdout)
    expect(shell('threadpipe gzip gunzip sha256 < words').stdout).toBe(shell('sha256sum < words').stdout)
  })
})

describe('stages of any kind', () => {
  test('modules, parallel modules and commands, with options among them', async () => {
    writeFileSync(
      path('upper.mjs'),
      `export default ({ input, output }) => {
         for (const chunk of input) output.writeSync(Buffer.from(chunk).toString().toUpperCase())
       }`,
    )
    writeFileSync(
      path('tag.mjs'),
      'export default (chunk, index) => Buffer.from([index, Buffer.from(chunk), "|"].join(""))',
    )
    const { code, stdout } = await run(
      ['./upper.mjs', '--chunk', '3', "exec:sed 's/B C/xx/'", 'parallel:tag.mjs', '--threads', '2', '--capacity=1K'],
      'ab cde',
    )
    expect({ code, stdout: String(stdout) }).toEqual({ code: 0, stdout: '0Axx|1DE|' })
  })

  test('files, and - for standard input and output', async () => {
    writeFileSync(path('in'), 'from a file')
    expect((await run(['--in', 'in', '--out', 'out', 'exec:cat'])).code).toBe(0)
    expect(readFileSync(path('out'), 'utf8')).toBe('from a file')
    expect(String((await run(['--in', '-', '--out', '-', 'exec:cat'], 'from a pipe')).stdout)).toBe('from a pipe')
  })

  test('-- ends the options', async () => {
    writeFileSync(path('-odd.mjs'), 'export default ({ output }) => void output.writeSync("odd")')
    expect(String((await run(['--', '-odd.mjs'])).stdout)).toBe('odd')
    rmSync(path('-odd.mjs'))
  })
})

describe('in shell pipes', () => {
  test('a reader that leaves ends it quietly', async () => {
    const { stdout, stderr } = shell('yes | threadpipe gzip | head -c 1M | wc -c')
    expect({ stdout: stdout.trim(), stderr }).toEqual({ stdout: String(1024 * 1024), stderr: '' })
    expect(shell('threadpipe --in /dev/zero gzip gunzip | head -c 5 | wc -c').stdout).toBe('5\n')
  })

  test('a stage that leaves ends it, though standard input goes on', async () => {
    writeFileSync(
      path('first.mjs'),
      'export default ({ input, output }) => void output.writeSync(new Uint8Array(input.readSync(new Uint8Array(3))))',
    )
    expect(shell('yes | threadpipe first.mjs count').stdout).toBe('3\n')
    // Its standard input stays open, and gives no more.
    const { code, stdout } = await run(['first.mjs', 'count'], null)
    expect({ code, stdout: String(stdout) }).toEqual({ code: 0, stdout: '3\n' })
  })

  test('standard input and output of all sorts: files, FIFOs, nothing', async () => {
    writeFileSync(path('in'), 'x'.repeat(100_000))
    expect(shell('threadpipe count < in').stdout).toBe('100000\n')
    expect(shell('cat in | threadpipe count | cat').stdout).toBe('100000\n')
    expect(shell('echo first > log; threadpipe count < in >> log; cat log').stdout).toBe('first\n100000\n')
    expect(shell('threadpipe count < /dev/null; threadpipe count <&-').stdout).toBe('0\n0\n')
    expect(shell('mkfifo f; cat in > f & threadpipe --in f count; wait; rm f').stdout).toBe('100000\n')
    expect(shell('threadpipe count < in > /dev/full').stderr).toMatch(
      /^threadpipe: stdout: ENOSPC: no space left on device/,
    )
  })
})

describe('in a terminal', () => {
  // A terminal is a session, which the system gives as much time as all of ours, but in long turns.
  haveCoresAlone()

  /** Its standard input stays open: at the end of that, `script` waits for somebody to read it. */
  function openTerminal(args: string) {
    const quoted = [process.execPath, ...program].join(' ')
    const options = ['-qec', `${quoted} ${args}`, '/dev/null']
    const child = spawn('script', options, { cwd: path('.'), env, timeout: LIMIT_MS })
    let drawn = ''
    child.stdout.on('data', (text) => {
      drawn += text
    })
    const ended = new Promise<{ drawn: string; code: number | null }>((resolve) => {
      child.on('close', (code) => resolve({ drawn, code }))
    })
    return { type: (text: string) => child.stdin.write(text), drawn: () => drawn, ended }
  }

  test('it is read by its path: what is typed arrives, and it can be left', async () => {
    const leaving = openTerminal("--no-progress --in /dev/tty 'exec:head -n 1'")
    leaving.type('hello\n')
    expect(await leaving.ended).toMatchObject({ code: 0, drawn: expect.stringMatching(/hello\r\nhello\r\n/) })
    const interrupted = openTerminal('--no-progress --in /dev/tty exec:cat')
    interrupted.type('hello\n')
    await until(() => interrupted.drawn().split('hello').length === 3)
    interrupted.type('\u0003')
    expect(await interrupted.ended).toMatchObject({ code: 130 })
  }, 60_000)

  test('a table is drawn over itself', async () => {
    const terminal = async (args: string): Promise<string> => (await openTerminal(args).ended).drawn
    writeFileSync(path('big'), readFileSync(process.execPath).subarray(0, 4_000_000))
    const drawn = await terminal('--in big gzip --threads 2 --out big.gz')
    expect(drawn).toMatch(/stage +in +out +rate +computes +awaits in +awaits out/)
    expect(drawn).toMatch(/gzip × 2 .* [kM]B\/s/)
    expect(drawn).toContain('the others wait for gzip')
    expect(drawn).toContain('\u001B[?25h')
    expect(await terminal('--in big.gz sha256')).toMatch(/[0-9a-f]{64} {2}big\.gz/)
    expect(await terminal('--no-progress --in big.gz gunzip --out /dev/null')).toBe('')
    rmSync(path('big'))
    rmSync(path('big.gz'))
  }, 60_000)
})

describe('what is said', () => {
  test('--help and --version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
    expect(String((await run(['--version'])).stdout)).toBe(`${version}\n`)
    const help = String((await run(['--help'])).stdout)
    for (const word of [
      'gzip',
      'gunzip',
      'brotli',
      'sha256',
      'count',
      'parallel:PATH',
      'exec:COMMAND',
      '--in',
      '--out',
      '--threads',
      '--chunk',
      '--capacity',
      '--progress',
      '--stats json',
      '130',
    ]) {
      expect(help).toContain(word)
    }
    expect(Math.max(...help.split('\n').map((line) => line.length))).toBeLessThan(80)
  })

  test('who stops reading gets no stack trace', () => {
    expect(shell('threadpipe --help | true').stderr).toBe('')
  })

  test('--stats json', async () => {
    const { stderr } = await run(['gzip', '--stats', 'json', '--in', 'words', '--out', '/dev/null'])
    const { parts, bottleneck, elapsedMs } = JSON.parse(stderr)
    expect(bottleneck).toBe('gzip')
    expect(elapsedMs).toBeGreaterThan(0)
    expect(parts.map(({ name, bytesIn }: { name: string; bytesIn: number }) => [name, bytesIn]).slice(0, 2)).toEqual([
      ['from words', 0],
      ['gzip', words.length],
    ])
  })

  test('the last figures alone where there is none, if they are asked for', async () => {
    expect((await run(['gzip', '--progress', '--in', 'words', '--out', '/dev/null'])).stderr).toMatch(
      /^stage .*\n(.*\n)*.* s; the others wait for gzip\n$/,
    )
    expect((await run(['gzip'], words)).stderr).toBe('')
  })
})

describe('signals', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s tears everything down', async (signal, expected) => {
    const child = spawn(
      process.execPath,
      [...program, '--in', '/dev/zero', 'gzip', 'exec:sh -c "cat; sleep 5"', '--out', 'torn'],
      { cwd: path('.'), env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS },
    )
    let stderr = ''
    child.stderr.on('data', (text) => (stderr += text))
    while (!left().some((name) => name.endsWith('.part'))) await new Promise((resolve) => setTimeout(resolve, 10))
    const startedMs = performance.now()
    child.kill(signal)
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, stderr }).toEqual({ code: expected, stderr: '' })
    expect(performance.now() - startedMs).toBeLessThan(2000)
    expect(left().filter((name) => name.includes('torn'))).toEqual([])
  })
})

describe('bad input gives one clear line, the right exit code, and leaves nothing', () => {
  beforeAll(() => {
    writeFileSync(path('throws.mjs'), 'throw new Error("while\\nloading")')
    writeFileSync(path('five.mjs'), 'export default 5')
    writeFileSync(path('unread.mjs'), 'export default () => {}')
    writeFileSync(path('late.mjs'), 'export default ({ output }) => { output.close(); output.writeSync("x") }')
    writeFileSync(path('broken.mjs'), 'export default ) => {}')
    writeFileSync(path('mistaken.mjs'), 'export default ({ data }) =>\n  data.of.nothing')
    writeFileSync(path('dies.mjs'), 'export default () => process.exit(0)')
    writeFileSync(path('bad.mjs'), 'export default (chunk, index) => { throw new RangeError("chunk " + index) }')
    mkdirSync(path('folder'))
  })

  test.concurrent.each<[string, string[], number, RegExp]>([
    ['no stages', [], 2, /at least 1 stage, not 0; see threadpipe --help$/],
    ['an unknown option', ['--bogus', 'gzip'], 2, /Unknown option '--bogus'/],
    ['a module that does not exist', ['none.mjs'], 1, /none: there is no module .*none\.mjs$/],
    ['one that exports no function', ['five.mjs'], 1, /five: the default export of .* must be a function, not 5$/],
    ['one that throws at load', ['throws.mjs'], 1, /throws: while loading$/],
    ['one that writes after closing', ['late.mjs'], 1, /late: .*this writer was closed$/],
    ['one that is a folder', ['folder'], 1, /folder: EISDIR: .*folder is a directory$/],
    ['one that is no module', ['broken.mjs'], 1, /broken: Unexpected .*, in .*broken\.mjs or in what it imports$/],
    ['one with a mistake', ['mistaken.mjs'], 1, /mistaken: .*undefined.* \(mistaken\.mjs:2\)$/],
    ['a quote that is left open', ["exec:echo 'a b"], 2, /has a quote that is not closed; see threadpipe --help$/],
    ['a folder that is not there', ['--out', 'nowhere/out', 'gzip'], 1, /ENOENT: there is no folder nowhere$/],
    ['one that exits', ['dies.mjs'], 1, /dies: its thread exited with code 0 before its end$/],
    ['a parallel that throws', ['parallel:bad.mjs'], 1, /bad: chunk \d+$/],
    ['a missing command', ['exec:no-such-command -x'], 1, /cannot start no-such-command: command not found$/],
    ['a command that fails', ['exec:ls no-such-file'], 1, /ls: exited with code 2: ls: cannot access 'no-such-file'/],
    ['a folder as input', ['--in', 'folder', 'gzip'], 1, /EISDIR: folder is a directory$/],
    ['a file that is not there', ['--in', 'none', 'gzip'], 1, /ENOENT: no such file or directory, open 'none'$/],
    ['a folder as output', ['--out', 'folder', 'gzip'], 1, /EISDIR: folder is a directory$/],
    ['a device that is full', ['--in', process.execPath, '--out', '/dev/full', 'exec:cat'], 1, /ENOSPC/],
    ['what is no gzip file', ['--in', process.execPath, 'gunzip'], 1, /gunzip: incorrect header check$/],
    ['no gzip file at all', ['gunzip'], 1, /gunzip: unexpected end of file$/],
  ])('%s', async (_, args, expected, message) => {
    // A name of its own, which no other one contains: others run at the same time.
    const target = `never-${args.join('-').replaceAll(/\W/g, '')}.out`
    const out = args.includes('--out') ? [] : ['--out', target]
    const { code, stdout, stderr } = await run([...out, ...args])
    expect(stderr).toMatch(/^threadpipe: [^\n]+\n$/)
    expect(stderr.trim()).toMatch(message)
    expect({ code, stdout: String(stdout) }).toEqual({ code: expected, stdout: '' })
    expect(left().filter((name) => name.includes(target))).toEqual([])
  })

  test('a module that never reads, and writes nothing', async () => {
    const { code, stdout, stderr } = shell('yes | threadpipe unread.mjs')
    expect({ stdout, stderr, code: code === 0 || code === 141 }).toEqual({ stdout: '', stderr: '', code: true })
    expect(await run(['unread.mjs', 'count'], words)).toMatchObject({ code: 0, stderr: '' })
  })

  test.runIf(process.getuid?.() === 0 && canMount())('a disk that is full', async () => {
    mkdirSync(path('disk'))
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path('disk')])
    try {
      const { code, stderr } = await run(['--in', process.execPath, '--out', 'disk/out', 'exec:cat'])
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: 'threadpipe: to out: ENOSPC: no space left on device, write\n',
      })
      expect(readdirSync(path('disk'))).toEqual([])
    } finally {
      execFileSync('umount', [path('disk')])
    }
  })
})

function canMount(): boolean {
  const probe = '/tmp/threadpipe-mount'
  mkdirSync(probe, { recursive: true })
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe]).status === 0
  if (mounted) spawnSync('umount', [probe])
  rmSync(probe, { recursive: true })
  return mounted && existsSync('/proc') && cpus().length > 0
}
