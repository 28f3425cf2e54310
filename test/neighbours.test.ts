import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { pipe, readAll } from 'threadpipe'
import { fdReader } from 'threadpipe/node'
import { afterAll, describe, expect, test } from 'vitest'
import { through, wordsFromThread } from '../workers/command-line.ts'
import { encodeTone } from '../workers/encode-audio.ts'
import { parseSettings } from '../workers/line-parser.ts'
import { THREAD_ARGS } from '../workers/start.ts'
import { countingServer, newOutcome, portOf, uploadLines } from '../workers/upload-json.ts'
import { words } from '../workers/words.ts'
import { handleOf } from './support/sides.ts'
import { thread } from './support/threads.ts'

/** Real programs at the other end. */

const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0

describe('ffmpeg', () => {
  test.skipIf(!hasFfmpeg).each([
    ['wav', 3, 44_100],
    ['flac', 2, 48_000],
    ['mp3', 2, 22_050],
  ])(
    'a thread makes sound that becomes a valid .%s (needs ffmpeg: apt-get install ffmpeg)',
    async (type, seconds, rate) => {
      const target = join(folder, `tone.${type}`)
      await encodeTone(target, { seconds, rate, pitch: 440 })
      const probe = ['-v', 'error', '-show_entries', 'format=duration:stream=sample_rate', '-of', 'json', target]
      const { format, streams } = JSON.parse(execFileSync('ffprobe', probe, { encoding: 'utf8' }))
      expect(Number(format.duration)).toBeCloseTo(seconds, type === 'mp3' ? 0 : 3)
      expect(streams).toEqual([expect.objectContaining({ sample_rate: String(rate) })])
      // The tone itself: its loudest frequency, by the count of its crossings of zero.
      const pcm = execFileSync('ffmpeg', ['-v', 'error', '-i', target, '-f', 's16le', '-'], { maxBuffer: 1e8 })
      const samples = new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length >> 1)
      let crossings = 0
      for (let i = 1; i < samples.length; i += 1)
        if ((samples[i - 1] as number) < 0 !== (samples[i] as number) < 0) crossings += 1
      expect(crossings / 2 / seconds).toBeGreaterThan(430)
      expect(crossings / 2 / seconds).toBeLessThan(450)
    },
  )

  test.skipIf(!hasFfmpeg)('what ffmpeg complains of is the error (needs ffmpeg: apt-get install ffmpeg)', async () => {
    const target = join(folder, 'no', 'such', 'folder.wav')
    await expect(encodeTone(target, { seconds: 100, rate: 44_100, pitch: 440 })).rejects.toThrow(
      /No such file or directory/,
    )
    expect(existsSync(target)).toBe(false)
  })
})

describe('HTTP', () => {
  /** How the thread ended, and the lines it had written, once it has: those at the other end may learn of its close before. */
  const ended = (outcome: Int32Array): number[] => {
    expect(Atomics.wait(outcome, 0, 0, 10_000)).not.toBe('timed-out')
    return [...outcome]
  }

  test('a body from a thread arrives whole', async () => {
    let parsed = 0
    const outcome = newOutcome()
    const server = await countingServer((count) => {
      parsed = count
    })
    try {
      const lines = 50_000
      const { status, answer, bytes } = await uploadLines(portOf(server), lines, outcome)
      expect({ status, answer: JSON.parse(answer) }).toEqual({ status: 200, answer: { count: lines, even: lines / 2 } })
      expect(bytes).toBeGreaterThan(2_000_000)
      expect(parsed).toBe(lines)
      expect(ended(outcome)).toEqual([1, lines])
    } finally {
      server.close()
    }
  })

  // Without end, since a body that has one may be whole in the kernel's buffers before its first line is parsed.
  test.each([
    [
      'refuses the rest',
      () => {
        throw new Error('enough')
      },
      /^the server answered early: enough$/,
    ],
    ['drops the connection', (server: Server) => server.closeAllConnections(), /socket hang up|ECONNRESET|EPIPE/],
  ] as [string, (server: Server) => unknown, RegExp][])(
    'a body from a thread is parsed while the thread still writes it, until the server %s',
    async (_, act, message) => {
      const lines = 50_000
      const outcome = newOutcome()
      let whileWriting = false
      const server: Server = await countingServer((count) => {
        if (count !== lines) return
        whileWriting = Atomics.load(outcome, 0) === 0
        act(server)
      })
      try {
        await expect(uploadLines(portOf(server), Number.MAX_SAFE_INTEGER, outcome)).rejects.toThrow(message)
        expect(whileWriting).toBe(true)
        const [how, written] = ended(outcome)
        expect(how).toBe(2)
        expect(written).toBeGreaterThanOrEqual(lines)
      } finally {
        server.closeAllConnections()
        server.close()
      }
    },
  )

  test.each([
    ['answers early', (response: { end(text: string): void }) => response.end('too much')],
    ['drops the connection', (response: { destroy(): void }) => response.destroy()],
  ] as [string, (response: unknown) => void][])(
    "a server that %s ends the thread's write with an error",
    async (_, act) => {
      const server = createServer((incoming, response) => {
        incoming.once('data', () => {
          incoming.pause()
          act(response)
        })
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      try {
        const outcome = newOutcome()
        await expect(uploadLines(portOf(server), 1e9, outcome)).rejects.toThrow()
        const [how, written] = ended(outcome)
        expect(how).toBe(2)
        expect(written).toBeLessThan(1e6)
      } finally {
        server.closeAllConnections()
        server.close()
      }
    },
  )
})

describe('command line', () => {
  const count = 30_000
  const list = [...words(count)].map((word) => `${word}\n`).join('')
  const shell = (command: string): Buffer => execFileSync('sh', ['-c', command], { input: list, maxBuffer: 1e8 })

  test.each([
    ['sort', ['-r']],
    ['wc', ['-l', '-c']],
    ['gzip', ['-n', '-c']],
    ['tr', ['a-z', 'A-Z']],
  ])('%s, between two pipes, gives what the shell gives', async (command, args) => {
    const output = await readAll(through(command, args, wordsFromThread(count)))
    expect(Buffer.compare(output, shell(`${command} ${args.join(' ')}`))).toBe(0)
  })

  test('several in a row', async () => {
    const unique = through('uniq', ['-c'], through('sort', [], wordsFromThread(count)))
    expect(Buffer.compare(await readAll(unique), shell('sort | uniq -c'))).toBe(0)
  })

  test('one that leaves early closes what is before it', async () => {
    const endless = wordsFromThread(1e9)
    expect(Buffer.from(await readAll(through('head', ['-n', '3'], endless))).toString()).toBe(
      `${[...words(3)].join('\n')}\n`,
    )
    expect(endless.stats()).toMatchObject({ readerClosed: true })
  })

  test('an input that breaks off is an error, not its end', async () => {
    const broken = pipe({ capacity: 100 })
    broken.writer.writeSync('b\na\n')
    broken.writer.closeWithError(new RangeError('frame 7 is broken'))
    await expect(readAll(through('sort', [], broken.reader))).rejects.toMatchObject({ name: 'RangeError' })
    // Nor for what comes after that.
    const first = pipe({ capacity: 100 })
    const last = through('cat', [], through('sort', [], first.reader))
    first.writer.writeSync('b\na\n')
    first.writer.closeWithError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await expect(readAll(last)).rejects.toMatchObject({ code: 'EPIPE' })
  })

  test('one that fails, or is not there, is an error', async () => {
    await expect(readAll(through('sh', ['-c', 'exit 3'], wordsFromThread(10)))).rejects.toThrow(/sh ended with 3/)
    await expect(readAll(through('no-such-command', [], wordsFromThread(10)))).rejects.toThrow(/ENOENT/)
  })
})

describe('a pipe stands in for a file or a socket', () => {
  const settings = '# a comment\n\nname=value\nempty=\npath=a=b\nlast=grüße'

  test('in the test of a parser, in pieces of any size', async () => {
    const expected = [
      ['name', 'value'],
      ['empty', ''],
      ['path', 'a=b'],
      ['last', 'grüße'],
    ]
    const path = join(folder, 'settings')
    writeFileSync(path, settings)
    const file = execFileSync('sh', ['-c', 'cat'], { input: settings })
    expect(file.toString()).toBe(settings)
    for (const size of [1, 2, 7, 1000]) {
      const { reader, writer } = pipe()
      const parsed = [] as [string, string][]
      const feeding = thread().run(
        ({ PipeWriter }, { handle, settings, size }) => {
          const writer = PipeWriter.from(handle)
          const bytes = new TextEncoder().encode(settings)
          for (let at = 0; at < bytes.length; at += size) writer.writeSync(bytes.subarray(at, at + size))
          writer.close()
        },
        { handle: handleOf(writer), settings, size },
      )
      for (const setting of parseSettings(reader)) parsed.push(setting)
      await feeding
      expect(parsed).toEqual(expected)
    }
  })

  test('that breaks in the middle', () => {
    const { reader, writer } = pipe({ capacity: 100 })
    writer.writeSync('name=value\nnext')
    writer.closeWithError(Object.assign(new Error('connection reset'), { code: 'ECONNRESET' }))
    const parser = parseSettings(reader)
    expect(parser.next().value).toEqual(['name', 'value'])
    expect(() => parser.next()).toThrow(expect.objectContaining({ code: 'ECONNRESET' }))
    const odd = pipe({ capacity: 100 })
    odd.writer.writeSync('good=1\nbad line\n')
    odd.writer.close()
    expect(() => [...parseSettings(odd.reader)]).toThrow(/^line 2 is no setting: bad line/)
  })

  test('and a real file takes its place', async () => {
    const { openSync, closeSync } = await import('node:fs')
    const path = join(folder, 'file')
    writeFileSync(path, settings)
    const fd = openSync(path, 'r')
    expect([...parseSettings(fdReader(fd))].length).toBe(4)
    closeSync(fd)
  })
})

test.each(['command-line.ts', 'line-parser.ts'])(
  '%s ends without a word if nobody reads its output',
  async (program) => {
    const file = fileURLToPath(new URL(`../workers/${program}`, import.meta.url))
    const child = spawn(process.execPath, [...THREAD_ARGS, file], { timeout: 10_000 })
    child.stdout.destroy()
    // What the parser says something of.
    child.stdin.on('error', () => {}).end('name=value\n')
    const complaint = text(child.stderr)
    expect((await once(child, 'exit'))[0]).toBe(0)
    expect(await complaint).toBe('')
  },
)
