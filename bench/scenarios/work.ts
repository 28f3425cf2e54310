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
      `| ${['size', ...PIPES, GO.work].join(' | ')} |`,
      `| ${['---', ...PIPES, GO.work].map((_, i) => (i === 0 ? '---' : '---:')).join(' | ')} |`,
      ...points.map((point) => {
        const own = PIPES.map((name) => speedUp(point, name, { alone: 'fill and hash', fill: 'fill', hash: 'hash' }))
        return `| ${[point.label, ...own, speedUp(point, GO.work, GO)].join(' | ')} |`
      }),
    ].join('\n'),
}

const PIPES = [blocking, writtenInPlace, roomy, inPlace, roomyLimit, roomySharedLimit, inPlaceLimit].map(
  ({ name }) => name,
)
const GO = {
  work: "Go's io.Pipe",
  alone: 'Go: fill and hash',
  fill: 'Go: fill',
  hash: 'Go: hash',
}

function speedUp({ figures }: Point, name: string, parts: { alone: string; fill: string; hash: string }): string {
  const of = (wanted: string): number => figures.find(({ name }) => name === wanted)?.median ?? Number.NaN
  const [together, fill, hash] = [of(parts.alone), of(parts.fill), of(parts.hash)]
  const [reached, ideal] = [together / of(name), (fill + hash) / Math.max(fill, hash)]
  return Number.isNaN(reached) ? '–' : `${reached.toFixed(2)} × (${(reached / ideal).toFixed(2)})`
}
