import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { pipe } from 'threadpipe'
import { toReadable, watch } from 'threadpipe/node'
import { isProgram, start } from './start.ts'
import type { ToneTask } from './tone.ts'

/** How much of what ffmpeg says an error carries. */
const MAX_COMPLAINT = 1000

/** Makes a tone in a thread and lets ffmpeg encode it, by the ending of the file's name. @throws what ffmpeg complains of */
export async function encodeTone(target: string, sound: Omit<ToneTask, 'output'>): Promise<void> {
  const { reader, writer } = pipe()
  const worker = start('./tone.ts', { output: writer, ...sound } satisfies ToneTask)
  watch(worker, writer)
  const input = ['-f', 's16le', '-ar', String(sound.rate), '-ac', '1', '-i', 'pipe:0']
  const ffmpeg = spawn('ffmpeg', ['-loglevel', 'error', '-y', ...input, target], { stdio: ['pipe', 'ignore', 'pipe'] })
  let complaint = ''
  ffmpeg.stderr.on('data', (text) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT)
  })
  const exit = once(ffmpeg, 'close')
  const sent = pipeline(toReadable(reader), ffmpeg.stdin).catch((error: Error) => error)
  try {
    const [code] = await exit
    if (code !== 0) throw new Error(`ffmpeg ended with ${code}: ${complaint.trim()}`)
    const failure = await sent
    if (failure !== undefined) throw failure
  } finally {
    reader.close()
  }
}

// npm run example:ffmpeg -- out/tone.flac
if (isProgram(import.meta.url)) {
  const target = process.argv[2] ?? 'out/tone.flac'
  try {
    mkdirSync(dirname(target), { recursive: true })
    await encodeTone(target, { seconds: 5, rate: 44_100, pitch: 440 })
    console.log(`${target}: 5 seconds of a tone that was made in a thread`)
  } catch (error) {
    console.error(`Cannot encode ${target}: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
