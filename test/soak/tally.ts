/** What is counted, in every thread; the counts of all are added up. */
export const COUNTED = [
  'pipes',
  'rendezvous',
  'buffered',
  'threads started',
  'killed by terminate',
  'killed by uncaught error',
  'killed by process.exit',
  'killed by unhandled rejection',
  'killed by natural end',
  'killed by out of memory',
  'deaths under watch',
  'deaths without watch',
  'writes',
  'reads',
  'bytes written',
  'bytes read',
  'bytes compared',
  'bytes summed',
  'closes',
  'closeWithErrors',
  'aborts',
  'time-outs',
  'signals',
  'callbacks that threw',
  'writes cut',
  'blocking',
  'awaited',
  'in place',
  'writev',
  'strings',
  'iterators',
  'copy helpers',
  'read helpers',
  'bursts',
  'on the main thread',
] as const

export type Counted = (typeof COUNTED)[number]
export type Tally = Record<Counted, number>

export function newTally(): Tally {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Tally
}

export function addTally(total: Tally, more: Tally): void {
  for (const name of COUNTED) total[name] += more[name]
}
