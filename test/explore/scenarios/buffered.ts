import * as layout from '../../../src/layout.ts'
import { CLOSED, OOPS, type Scenario, SOON, TIMEOUT, writeTwice } from './scenario.ts'

export const BUFFERED: readonly Scenario[] = [
  {
    name: 'buffered 1 × 1: a full buffer, wrapping around',
    capacity: 6,
    prepare: atCount(125),
    parts: [
      (a) => {
        a.writeSync(0, 4)
        a.writeSync(1, 4)
        a.writeSync(2, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(5),
    ],
  },
  {
    name: 'buffered 1 × 1: over the edge of 31 bits',
    capacity: 6,
    prepare: atCount(2 ** 31 - 5),
    parts: [
      (a) => {
        a.writeSync(0, 4)
        a.writeSync(1, 4)
        a.close('writer')
      },
      (a) => a.readAllSync(5),
    ],
  },
  {
    name: 'buffered 2 × 1: whole writes',
    twins: [1],
    capacity: 4,
    parts: [
      (a) => a.writeSync(0, 3),
      (a) => a.writeSync(1, 3),
      (a) => {
        for (let n = 0; n < 6; ) n += a.readSync(4).bytes?.length ?? 0
      },
    ],
  },
  {
    name: 'buffered: two queued writers, of which one gives up',
    capacity: 40,
    errors: [TIMEOUT],
    leavesBytes: true,
    parts: [
      (a) => a.writeInPlaceSync(0, 2, {}, () => a.awaitSignal()),
      (a) => a.writeSync(1, 2, SOON),
      (a) => {
        a.signal()
        a.writeSync(2, 2)
      },
    ],
  },
  {
    name: 'buffered 1 × 2: two readers drain it',
    twins: [2],
    capacity: 4,
    parts: [
      (a) => {
        a.writeSync(0, 4)
        a.close('writer')
      },
      (a) => a.readAllSync(3),
      (a) => a.readAllSync(3),
    ],
  },
  {
    name: 'buffered 2 × 1: a close of the writer amid it',
    capacity: 4,
    errors: [CLOSED],
    parts: [
      (a) => a.writeSync(0, 3),
      (a) => {
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: 'buffered: close of the writer by a third',
    capacity: 4,
    errors: [CLOSED],
    parts: [writeTwice, (a) => a.readAllSync(4), (a) => a.close('writer')],
  },
  {
    name: 'buffered: closeWithError of the reader by a third',
    capacity: 4,
    errors: [CLOSED, OOPS],
    parts: [writeTwice, (a) => a.readAllSync(4), (a) => a.closeWithError('reader', 'oops')],
  },
  {
    name: 'buffered: abort by a third',
    capacity: 4,
    leavesBytes: true,
    errors: [OOPS],
    parts: [writeTwice, (a) => a.readAllSync(4), (a) => a.abort('writer', 'oops')],
  },
  {
    name: 'buffered: a writer gives up at its time-out',
    capacity: 4,
    errors: [TIMEOUT],
    parts: [
      (a) => {
        a.writeSync(0, 4)
        a.writeSync(1, 3, SOON)
        a.close('writer')
      },
      (a) => a.readAllSync(2),
    ],
  },
  {
    name: 'buffered: a reader gives up at its time-out',
    capacity: 4,
    errors: [TIMEOUT],
    parts: [
      (a) => {
        a.writeSync(0, 3)
        a.writeSync(1, 2)
      },
      (a) => {
        for (let n = 0; n < 5; ) n += a.readSync(3, SOON).bytes?.length ?? 0
      },
    ],
  },
  {
    name: 'buffered, in place: past the end of the ring',
    capacity: 6,
    prepare: atCount(60),
    parts: [
      (a) => {
        a.writeInPlaceSync(0, 5)
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => {
        a.readInPlaceSync(4)
        a.readAllSync(6)
      },
    ],
  },
  {
    name: 'buffered, in place: a write that has to wait for room',
    capacity: 6,
    parts: [
      (a) => {
        a.writeInPlaceSync(0, 4)
        a.writeInPlaceSync(1, 4)
        a.close('writer')
      },
      (a) => {
        a.readInPlaceSync(3)
        a.readAllSync(6)
      },
    ],
  },
  {
    name: 'buffered: over the end of the ring, two laps after a write in place',
    capacity: 6,
    prepare: atCount(60, 4),
    parts: [
      (a) => {
        a.writeSync(0, 6)
        a.writeSync(1, 2)
        a.close('writer')
      },
      (a) => a.readAllSync(6),
    ],
  },
  {
    name: 'buffered: up to the end of the ring, two laps after a write in place',
    capacity: 6,
    prepare: atCount(60, 4),
    parts: [
      (a) => {
        a.writeSync(0, 2)
        a.writeSync(1, 2)
        a.writeSync(2, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(6),
    ],
  },
]

/** A buffered pipe through which so many bytes have gone; of the lap before this one so many lay past the end. */
function atCount(count: number, pastEnd = 0): (words: Int32Array) => void {
  return (words) => {
    words[layout.STORED] = layout.storedMore(0, count)
    words[layout.DRAINED] = count
    words[layout.PAST_END + 1] = pastEnd
  }
}
