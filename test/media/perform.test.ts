import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { loadImage } from '@napi-rs/canvas'
import { afterAll, describe, expect, test } from 'vitest'
import { framesOf, PIECE } from '../../workers/media/music.ts'
import { runOnOneThread, runOnThreads } from '../../workers/media/on-threads.ts'
import { type Audience, perform } from '../../workers/media/perform.ts'
import { checkTarget, type Found, findMusic, findSound, soundOf } from '../../workers/media/plan.ts'
import { reportOf } from '../../workers/media/report.ts'
import { framesWithRoom } from '../../workers/media/sources.ts'
import { wavHeader } from '../../workers/media/wav-header.ts'
import { THREAD_ARGS } from '../../workers/start.ts'

const folder = mkdtempSync(join(tmpdir(), 'threadpipe-media-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const hasFfmpeg = spawnSync('ffmpeg', ['-version']).status === 0
const script = fileURLToPath(new URL('../../workers/showcase.ts', import.meta.url))
/** The machine may have much to do. */
const LIMIT_MS = 60_000
const limit = (): AbortSignal => AbortSignal.timeout(LIMIT_MS)
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

let runs = 0

function newFolder(): string {
  runs += 1
  const path = join(folder, String(runs))
  mkdirSync(path)
  return path
}

/** Runs `npm start` in a folder of its own. */
async function start(args: string[], onStderr: (text: string, stop: () => void) => void = () => {}) {
  const cwd = newFolder()
  const child = spawn(process.execPath, [...THREAD_ARGS, script, ...args], { cwd, timeout: LIMIT_MS })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (text) => (stdout += text))
  child.stderr.on('data', (text) => {
    stderr += text
    onStderr(stderr, () => child.kill('SIGINT'))
  })
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
  const errors = stderr.split('\n').filter((line) => line.startsWith('threadpipe:'))
  return { code, stdout, errors, cwd, left: readdirSync(cwd, { recursive: true }) }
}

/** Times are not compared here. */
const COLD = { warm: false }

/** Nobody who is told anything. */
function silently(): Audience {
  return { signal: limit(), onStep: () => {}, onProgress: () => {} }
}

/** A WAV file of a chord at both sides, 16 bits at 44.1 kHz. */
function wavOf(seconds: number): Buffer {
  const [rate, frames] = [44_100, Math.round(44_100 * seconds)]
  const samples = new Int16Array(2 * frames)
  for (let i = 0; i < frames; i += 1) {
    samples[2 * i] = 9000 * Math.sin((2 * Math.PI * 220 * i) / rate)
    samples[2 * i + 1] = 9000 * Math.sin((2 * Math.PI * 330 * i) / rate)
  }
  return Buffer.concat([wavHeader({ coding: 'int16', channels: 2, rate, frames }), Buffer.from(samples.buffer)])
}

function fileOf(name: string, bytes: Uint8Array): string {
  const path = join(newFolder(), name)
  writeFileSync(path, bytes)
  return path
}

describe('music', () => {
  test(
    'is the same on threads and on one, is drawn, and neither clips nor is silent',
    async () => {
      const target = join(newFolder(), 'music.wav')
      const piece = { ...PIECE, bars: 2 }
      const steps: string[] = []
      const job = { ...findMusic(piece), target }
      const performance = await perform(job, { ...silently(), onStep: (step) => steps.push(step) }, COLD)
      const { threaded, single, drawn, bytes } = performance
      expect(steps).toEqual(['on threads', 'on one thread', 'drawing'])
      expect(threaded.encoded).toEqual(single.encoded)
      expect(threaded.measures).toEqual(single.measures)
      expect(threaded.encoded.frames).toBe(framesWithRoom(framesOf(piece), piece.rate))

      const file = readFileSync(target)
      expect(file.length).toBe(bytes)
      expect(bytes).toBe(44 + 4 * threaded.encoded.frames)
      expect(sha256(file)).toBe(threaded.encoded.sha256)
      const samples = new Int16Array(file.buffer, file.byteOffset + 44, 2 * threaded.encoded.frames)
      const highest = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0) / 2 ** 15
      expect(highest).toBeGreaterThan(0.2)
      expect(highest).toBeLessThan(10 ** (-1 / 20) + 2 / 2 ** 15)
      // No clicks: from one sample to the next it never goes far.
      const furthest = samples.reduce((most, sample, i) => Math.max(most, Math.abs(sample - (samples[i - 2] ?? 0))), 0)
      expect(furthest / 2 ** 15).toBeLessThan(0.5)
      expect(threaded.measures.loudness.integrated).toBeGreaterThan(-30)

      const image = await loadImage(drawn)
      expect([image.width, image.height]).toEqual([2100, 1170])
      expect(readdirSync(join(target, '..')).sort()).toEqual(['music.png', 'music.wav'])
    },
    LIMIT_MS,
  )

  test(
    'the table tells who waited: the bottleneck for nobody',
    async () => {
      const job = { ...findMusic({ ...PIECE, bars: 4 }), target: join(newFolder(), 'music.wav') }
      const { stats } = await runOnThreads(job, soundOf(job), job.target, { signal: limit() })
      expect(stats.parts.map(({ name }) => name)).toEqual(['compose', 'reverb', 'master', 'encode', 'to music.wav'])
      const bottleneck = stats.parts.find(({ name }) => name === stats.bottleneck)
      expect(bottleneck?.computing).toBeGreaterThan(0.5)
      expect(stats.parts.at(-1)?.waitingForInput).toBeGreaterThan(0.5)
    },
    LIMIT_MS,
  )
})

describe('a file with sound', () => {
  test(
    'goes through the room',
    async () => {
      const source = fileOf('chord.wav', wavOf(1.5))
      const target = join(newFolder(), 'chord.wav')
      const found = (await findSound(source)) as Found
      const performance = await perform({ ...found, target }, silently(), COLD)
      const file = readFileSync(target)
      expect(file.readUInt32LE(24)).toBe(44_100)
      expect(file.length).toBe(44 + 4 * framesWithRoom(1.5 * 44_100, 44_100))
      const report = reportOf(performance)
      expect(report).toContain(sha256(file))
      for (const row of ['the same bytes', 'one thread', 'threads', 'ideal', 'decode', 'reverb', 'master', 'encode']) {
        expect(report).toMatch(new RegExp(`^${row} `, 'm'))
      }
    },
    LIMIT_MS,
  )

  test.skipIf(!hasFfmpeg)(
    'is decoded and encoded by ffmpeg, the same on threads and on one',
    async () => {
      const cwd = newFolder()
      const flac = join(cwd, 'chord.flac')
      execFileSync('ffmpeg', ['-loglevel', 'error', '-i', fileOf('chord.wav', wavOf(1)), flac])
      const found = await findSound(flac)
      expect(found).toEqual({ origin: { kind: 'ffmpeg', path: flac }, rate: 44_100, frames: null })
      const job = { ...(found as Found), target: join(cwd, 'chord.mp3') }
      await checkTarget(job.target)
      const threaded = await runOnThreads(job, soundOf(job), job.target, { signal: limit() })
      const files = { decoded: join(cwd, '1.wav'), wav: join(cwd, '2.wav'), encoded: join(cwd, '3.mp3') }
      const single = await runOnOneThread({ job, sound: soundOf(job), files }, limit())
      expect(threaded.encoded).toEqual(single.encoded)
      const seconds = framesWithRoom(44_100, 44_100) / 44_100
      for (const file of [job.target, files.encoded]) {
        const asked = ['-show_entries', 'format=format_name,duration', '-of', 'json', file]
        const { format } = JSON.parse(execFileSync('ffprobe', ['-loglevel', 'error', ...asked], { encoding: 'utf8' }))
        expect(format.format_name).toBe('mp3')
        expect(Math.abs(Number(format.duration) - seconds)).toBeLessThan(0.1)
      }

      // Its length is not known before its end: the header of a WAV file is written twice.
      const target = join(cwd, 'chord.wav')
      const { sha256: told } = await perform({ ...(found as Found), target }, silently(), COLD)
      const file = readFileSync(target)
      expect([file.readUInt32LE(4), file.readUInt32LE(40)]).toEqual([file.length - 8, file.length - 44])
      expect(sha256(file)).toBe(told)
      expect(readdirSync(cwd).filter((name) => name.startsWith('.'))).toEqual([])
    },
    2 * LIMIT_MS,
  )

  test.skipIf(!hasFfmpeg)('whose coding only ffmpeg knows is given to it; text is not', async () => {
    const wav = fileOf('plain.wav', wavOf(0.5))
    const adpcm = join(newFolder(), 'adpcm.wav')
    execFileSync('ffmpeg', ['-loglevel', 'error', '-i', wav, '-c:a', 'adpcm_ms', adpcm])
    expect((await findSound(adpcm))?.origin.kind).toBe('ffmpeg')
    expect((await findSound(wav))?.origin.kind).toBe('wav')
    expect(await findSound(script)).toBe(null)
    expect(await findSound(process.execPath)).toBe(null)
  })
})

describe('what is wrong is said at once', () => {
  const chord = wavOf(0.5)
  test.each([
    ['a truncated WAV file', chord.subarray(0, 50_001), 'it ends after 12489 of its 22050 frames'],
    ['one cut within its header', chord.subarray(0, 20), 'it ends within its format'],
    ['one without sound', wavOf(0), 'there is no sound in it'],
  ])('%s', async (_, bytes, words) => {
    const path = fileOf('x.wav', bytes)
    await expect(findSound(path)).rejects.toThrow(`${path}: ${words}`)
  })

  test('an empty file, and text, have no sound, and are no error', async () => {
    expect(await findSound(fileOf('empty.wav', Buffer.alloc(0)))).toBe(null)
    expect(await findSound(fileOf('text.wav', Buffer.from('a line of text\n')))).toBe(null)
  })

  test(
    'a WAV file that ends while it is read',
    async () => {
      // Longer by its header than the file is: it was cut after it had been looked at.
      const path = fileOf('x.wav', chord.subarray(0, 50_001))
      const job = { origin: { kind: 'wav', path }, rate: 44_100, frames: 22_050, target: `${path}.out.wav` } as const
      const run = runOnThreads(job, soundOf(job), job.target, { signal: limit() })
      await expect(run).rejects.toThrow('decode: it ends after 12489 of its 22050 frames')
      expect(readdirSync(join(path, '..'))).toEqual(['x.wav'])
    },
    LIMIT_MS,
  )

  test.each([
    ['a target of another kind', 'x.aiff', /written to \.wav, \.flac, \.mp3, not to \*\.aiff/],
    ['a target without a kind', 'x', /written to \.wav, \.flac, \.mp3, not to x/],
  ])('%s', async (_, target, words) => {
    await expect(checkTarget(target)).rejects.toThrow(words)
  })

  test('a target in no folder', async () => {
    const job = { ...findMusic(PIECE), target: '/no/such/x.wav' }
    await expect(perform(job, silently(), COLD)).rejects.toThrow('/no/such/x.wav cannot be written: ENOENT')
  })
})

describe('npm start', () => {
  test(
    'complains in one line',
    async () => {
      const source = fileOf('x.wav', wavOf(0.5).subarray(0, 50_001))
      const { code, stdout, errors, left } = await start([source])
      expect({ code, stdout, errors, left }).toEqual({
        code: 1,
        stdout: '',
        errors: [`threadpipe: ${source}: it ends after 12489 of its 22050 frames`],
        left: [],
      })
    },
    LIMIT_MS,
  )

  test(
    'is interrupted, and leaves nothing',
    async () => {
      const { code, errors, left } = await start([], (stderr, stop) => {
        if (stderr.endsWith('warming up\n')) stop()
      })
      expect({ code, lines: errors.length, left }).toEqual({ code: 130, lines: 1, left: ['out'] })
    },
    LIMIT_MS,
  )
})
