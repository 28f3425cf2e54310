import { alone, between } from '../contestant.ts'
import { native } from '../native.ts'
import type { Point } from '../report.ts'
import { bySize, type Scenario } from '../scenario.ts'
import { inPlaceLimit, roomyLimit, roomySharedLimit } from '../transports/limit.ts'
import { blocking, inPlace, roomy, writtenInPlace } from '../transports/threadpipe.ts'

/** Work at both ends: one thread fills, the other hashes. What counts is how much faster that is than one thread that does both. */
export const work: Scenario = {
  name: 'work',
  title: 'One thread fills, the other hashes',
  unit: 'ns per send',
  // Many rounds: two threads that work all the time feel each disturbance of either core.
  effort: { rounds: 15, roundMs: 60, warmUpMs: 150, leadMs: 100 },
  ...bySize([256, 1024, 4096, 16_384, 65_536, 1 << 20], async (size) => [
    await between(blocking, size, { works: true }),
    await between(writtenInPlace, size, { works: true }),
    await between(roomy, size, { works: true }),
    await between(inPlace, size, { works: true }),
    await between(roomyLimit, size, { works: true }),
    await between(roomySharedLimit, size, { works: true }),
    await between(inPlaceLimit, size, { works: true }),
    await alone('fill and hash', size),
    await alone('fill', size),
    await alone('hash', size),
    native(GO.work, 'go', ['work', String(size)]),
    native(GO.alone, 'go', ['alone', String(size)]),
    native(GO.fill, 'go', ['fill', String(size)]),
    native(GO.hash, 'go', ['hash', String(size)]),
  ]),
  summary: (points) =>
    [
      'As a multiple of the speed of one thread; in brackets, the share of the ideal, which is the time of both parts over that of the longer one.',
      '',
      `| ${['size', ...PIPES].join(' | ')} |`,
      `| ${['---', ...PIPES.map(() => '---:')].join(' | ')} |`,
      ...points.map((point) => `| ${[point.label, ...PIPES.map((name) => speedUpText(point, name))].join(' | ')} |`),
    ].join('\n'),
  // The times of all lie on one another.
  drawn: (points) => ({
    unit: 'share of the ideal speed-up',
    most: 1,
    lines: PIPES.map((name) => ({ name, values: points.map((point) => speedUp(point, name).share) })),
  }),
}

const GO = {
  work: "Go's io.Pipe",
  alone: 'Go: fill and hash',
  fill: 'Go: fill',
  hash: 'Go: hash',
}
const PIPES = [
  ...[blocking, writtenInPlace, roomy, inPlace, roomyLimit, roomySharedLimit, inPlaceLimit].map(({ name }) => name),
  GO.work,
]

/** @returns the speed of a contestant as a multiple of one thread's, and as a share of the ideal; not numbers where it is missing */
function speedUp({ figures }: Point, name: string): { times: number; share: number } {
  const parts = name === GO.work ? GO : { alone: 'fill and hash', fill: 'fill', hash: 'hash' }
  const of = (wanted: string): number => figures.find(({ name }) => name === wanted)?.median ?? Number.NaN
  const [together, fill, hash] = [of(parts.alone), of(parts.fill), of(parts.hash)]
  const [times, ideal] = [together / of(name), (fill + hash) / Math.max(fill, hash)]
  return { times, share: times / ideal }
}

function speedUpText(point: Point, name: string): string {
  const { times, share } = speedUp(point, name)
  return Number.isNaN(times) ? '–' : `${times.toFixed(2)} × (${share.toFixed(2)})`
}
