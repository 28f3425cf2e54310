import { availableParallelism } from 'node:os'
import { basename } from 'node:path'
import { tableOf } from '../../src/command/table.ts'
import type { Job } from './job.ts'
import type { ThreadedRun } from './on-threads.ts'
import type { Performance } from './perform.ts'
import type { Caption } from './picture.ts'

/** What is written under and over the picture. */
export function captionOf({ origin, rate }: Job, { encoded, measures }: ThreadedRun): Caption {
  const seconds = encoded.frames / rate
  return {
    title: origin.kind === 'music' ? 'Music in a room' : `${basename(origin.path)}, in a room`,
    subtitle: [`${clock(seconds)} min`, `${rate / 1000} kHz stereo`, ...levelsOf(measures)].join('  ·  '),
    seconds,
  }
}

/** What came of it, for people. */
export function reportOf({ job, threaded, single, drawn, bytes, sha256 }: Performance): string {
  const { target, rate } = job
  const { stats, encoded, measures } = threaded
  const threadedSeconds = stats.elapsedMs / 1000
  const stages = Object.entries(single.stageSeconds).sort(([, a], [, b]) => b - a)
  const sum = stages.reduce((total, [, seconds]) => total + seconds, 0)
  const longest = stages[0]?.[1] ?? sum
  const cores = availableParallelism()
  const ideal = Math.min(cores, sum / longest)
  const speedup = single.elapsedSeconds / threadedSeconds
  const threads = stats.parts.reduce((total, part) => total + part.threads, 0)
  const rows = [
    [target, [`${clock(encoded.frames / rate)} min`, megabytes(bytes), ...levelsOf(measures)].join(', ')],
    [drawn, 'its spectrogram'],
    ['the same bytes', `on ${threads} threads and on one; the file's SHA-256 is ${sha256}`],
    [
      'one thread',
      `${twoDigits(single.elapsedSeconds)} s: ${stages.map(([name, s]) => `${name} ${twoDigits(s)}`).join(', ')}`,
    ],
    ['threads', `${twoDigits(threadedSeconds)} s: ${twoDigits(speedup)} times as fast`],
    [
      'ideal',
      `${twoDigits(ideal)} times as fast, with ${cores} cores and the longest stage ${twoDigits(longest)} of ${twoDigits(sum)} s; reached: ${Math.round((100 * speedup) / ideal)} %`,
    ],
  ] as const
  const width = Math.max(...rows.map(([name]) => name.length))
  return `${rows.map(([name, words]) => `${name.padEnd(width)}  ${words}`).join('\n')}\n\n${tableOf(stats)}`
}

function levelsOf({ loudness, peak }: ThreadedRun['measures']): string[] {
  return [`${decibels(loudness.integrated)} LUFS`, `true peak ${decibels(20 * Math.log10(peak))} dBFS`]
}

function decibels(value: number): string {
  return Number.isFinite(value) ? value.toFixed(1).replace('-', '−') : '−∞'
}

function twoDigits(value: number): string {
  return value.toFixed(2)
}

function clock(seconds: number): string {
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
