import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** What ffmpeg says, an error of it at the most. */
const QUIET = ['-nostdin', '-loglevel', 'error']
/** ffprobe takes nearly anything for sound; below this it is not sure itself. */
const LEAST_SCORE = 26
const PROBE_MS = 30_000

/** The rates that are read, in frames a second; sound at another one is resampled to the last of them. */
const RATES = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000]
const USUAL_RATE = 48_000

/** How ffmpeg is told to encode, by the ending of a file's name. */
const ENCODERS: Readonly<Record<string, readonly string[]>> = {
  '.flac': ['-c:a', 'flac', '-f', 'flac'],
  '.mp3': ['-c:a', 'libmp3lame', '-q:a', '2', '-f', 'mp3'],
}
export const ENCODED_ENDINGS = Object.keys(ENCODERS)

interface Probe {
  format?: { probe_score?: number }
  streams?: { sample_rate?: string }[]
}

/** The rate of the sound that ffmpeg finds in a file; null if it finds none, or there is no ffmpeg. */
export async function probeRate(path: string): Promise<number | null> {
  const asked = ['-select_streams', 'a:0', '-show_entries', 'format=probe_score:stream=sample_rate']
  const { stdout } = await run('ffprobe', ['-loglevel', 'error', ...asked, '-of', 'json', fileUrl(path)])
  const { format, streams } = JSON.parse(stdout === '' ? '{}' : stdout) as Probe
  const rate = Number(streams?.[0]?.sample_rate)
  if ((format?.probe_score ?? 0) < LEAST_SCORE || !(rate > 0)) return null
  return RATES.includes(rate) ? rate : USUAL_RATE
}

/** Whether there is an ffmpeg. */
export async function hasFfmpeg(): Promise<boolean> {
  return (await run('ffmpeg', ['-version'])).stdout !== ''
}

/** Makes a WAV file of a file, in stereo. @param to a path, or `pipe:1` */
export function decodeArgs(path: string, rate: number, to: string): string[] {
  const sound = ['-map', '0:a:0', '-map_metadata', '-1', '-ac', '2', '-ar', String(rate), '-c:a', 'pcm_f32le']
  return [...QUIET, '-y', '-i', fileUrl(path), ...sound, '-f', 'wav', to]
}

/** Makes a file of a WAV file, in the way that the ending of `target` tells. @param from a path, or `pipe:0` */
export function encodeArgs(from: string, to: string, ending: string): string[] {
  return [...QUIET, '-y', '-f', 'wav', '-i', from, ...(ENCODERS[ending] ?? []), fileUrl(to)]
}

/** ffmpeg takes a name with a colon for a protocol, and one with a dash for an option. */
function fileUrl(path: string): string {
  return `file:${path}`
}

/** What a command prints, whether it fails or is not there. */
async function run(command: string, args: string[]): Promise<{ stdout: string }> {
  const options = { timeout: PROBE_MS, encoding: 'utf8' } as const
  return promisify(execFile)(command, args, options).catch(() => ({ stdout: '' }))
}
