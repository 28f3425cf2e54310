import { CLOSED, type Scenario, SOON, TIMEOUT } from './scenario.ts'

export const AWAITED: readonly Scenario[] = [
  {
    name: 'awaited reader, blocking writer',
    parts: [
      (a) => {
        a.writeSync(0, 5)
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => a.readAll(4),
    ],
  },
  {
    name: 'awaited writer, blocking reader',
    parts: [
      async (a) => {
        await a.write(0, 5)
        await a.write(1, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: 'awaited on both sides, two writes at the same time',
    parts: [
      async (a) => {
        await Promise.all([a.write(0, 5), a.write(1, 3)])
        a.close('writer')
      },
      (a) => a.readAll(4),
    ],
  },
  {
    name: 'awaited reader and blocking reader, queued behind each other',
    parts: [(a) => a.writeSync(0, 4), async (a) => void (await a.read(2)), (a) => void a.readSync(2)],
  },
  {
    name: 'awaited writer gives up at its time-out',
    errors: [TIMEOUT, CLOSED],
    parts: [
      async (a) => {
        await a.write(0, 6, SOON)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: 'awaited reader cancelled by its signal, and a close by a third',
    errors: [CLOSED, 'ABORT_ERR'],
    parts: [
      (a) => a.writeSync(0, 4),
      async (a) => {
        const stop = new AbortController()
        setTimeout(() => stop.abort(), SOON.timeout)
        await a.read(4, { signal: stop.signal })
      },
      (a) => a.close('writer'),
    ],
  },
  {
    name: 'buffered, awaited on both sides',
    capacity: 4,
    parts: [
      async (a) => {
        await a.write(0, 3)
        await a.write(1, 3)
        a.close('writer')
      },
      (a) => a.readAll(4),
    ],
  },
]
