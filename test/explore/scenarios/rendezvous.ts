import { CLOSED, OOPS, type Part, readOnce, readTwice, type Scenario, SOON, TIMEOUT, WINDOW } from './scenario.ts'

export const RENDEZVOUS: readonly Scenario[] = [
  {
    name: '1 × 1: two writes, then a close',
    parts: [
      (a) => {
        a.writeSync(0, 5)
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: '1 × 1: zero lengths on both sides',
    parts: [
      (a) => {
        a.writeSync(0, 0)
        a.writeSync(1, 2)
        a.writeSync(2, 0)
        a.close('writer')
      },
      (a) => {
        a.readSync(0)
        a.readSync(0)
        a.readAllSync(4)
      },
    ],
  },
  {
    name: '1 × 1: a write larger than the window',
    bits: 8,
    parts: [(a) => a.writeSync(0, 2 * WINDOW - 10), (a) => void a.readSync(4 * WINDOW)],
  },
  {
    name: '1 × 1: a write of many windows, read in pieces, and a close by a third',
    bits: 8,
    errors: [CLOSED],
    parts: [(a) => a.writeSync(0, WINDOW + 40), (a) => a.readAllSync(WINDOW - 5), (a) => a.close('writer')],
  },
  {
    name: '1 × 1: what is left of a write is as much as the window holds',
    bits: 8,
    parts: [
      (a) => a.writeSync(0, WINDOW + 10),
      (a) => {
        a.readSync(10)
        a.readSync(WINDOW)
      },
    ],
  },
  {
    name: '1 × 1: writes that start where those before have ended',
    parts: [
      (a) => {
        for (let id = 0; id < 3; id += 1) a.writeSync(id, 40)
        a.close('writer')
      },
      (a) => a.readAllSync(50),
    ],
  },
  {
    name: '1 × 1: many pieces in one write',
    parts: [(a) => a.writevSync(0, [2, 0, 3]), readOnce],
  },
  {
    name: '2 × 1: whole writes',
    twins: [1],
    parts: [(a) => a.writeSync(0, 2), (a) => a.writeSync(1, 2), readTwice],
  },
  {
    name: '2 × 1: one writer closes while the other writes',
    errors: [CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 3)
        a.close('writer')
      },
      (a) => a.writeSync(1, 2),
      (a) => a.readAllSync(40),
    ],
  },
  {
    name: '1 × 2: one write feeds two readers',
    twins: [2],
    parts: [(a) => a.writeSync(0, 4), (a) => void a.readSync(2), (a) => void a.readSync(2)],
  },
  {
    name: '1 × 2: one reader closes while the other reads',
    errors: [CLOSED],
    parts: [
      (a) => a.writeSync(0, 4),
      (a) => {
        a.readSync(2)
        a.close('reader')
      },
      (a) => void a.readSync(2),
    ],
  },
  {
    name: '2 × 2: whole writes',
    twins: [1, 3],
    parts: [(a) => a.writeSync(0, 2), (a) => a.writeSync(1, 2), readOnce, readOnce],
  },
  {
    name: '2 × 2: one reader closes while the others write and read',
    errors: [CLOSED],
    twins: [1],
    parts: [(a) => a.writeSync(0, 2), (a) => a.writeSync(1, 2), readOnce, (a) => a.close('reader')],
  },
  amid('close of the writer by a third', [CLOSED], (a) => a.close('writer')),
  amid('close of the reader by a third', [CLOSED], (a) => a.close('reader')),
  amid('both halves closed', [CLOSED], (a) => {
    a.close('reader')
    a.close('writer')
  }),
  amid('closeWithError of the writer by a third', [CLOSED, OOPS], (a) => a.closeWithError('writer', 'oops')),
  amid('closeWithError of the reader by a third', [CLOSED, OOPS], (a) => a.closeWithError('reader', 'oops')),
  amid('abort by a third', [OOPS], (a) => a.abort('writer', 'oops')),
  amid('close of the reader against abort', [CLOSED, OOPS], (a) => a.abort('reader', 'oops'), [
    (a) => a.writeSync(0, 6),
    (a) => {
      a.readSync(4)
      a.close('reader')
    },
  ]),
  amid(
    'close and stats while another is queued',
    [CLOSED],
    (a) => {
      a.stats()
      a.close('writer')
      a.stats()
    },
    [(a) => a.writeSync(0, 2), (a) => a.writeSync(1, 2)],
  ),
  {
    name: 'the writer gives up at its time-out',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 6, SOON)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: 'the reader gives up at its time-out, and comes again',
    errors: [TIMEOUT],
    parts: [
      (a) => a.writeSync(0, 6),
      (a) => {
        for (let n = 0; n < 6; ) n += a.readSync(4, SOON).bytes?.length ?? 0
      },
    ],
  },
  {
    name: 'both give up at their time-outs, and the next write is whole',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 3, SOON)
        a.writeSync(1, 2)
        a.close('writer')
      },
      (a) => {
        a.readSync(2, SOON)
        a.readAllSync(4)
      },
    ],
  },
  {
    name: 'a write is withdrawn at its time-out, and one like it offered',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 3, SOON)
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
  },
  {
    name: 'a write that starts amid the window is withdrawn at its time-out, and the next is whole',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 40)
        a.writeSync(1, 40, SOON)
        a.writeSync(2, 40)
        a.close('writer')
      },
      (a) => a.readAllSync(30),
    ],
  },
  {
    name: 'a queued writer gives up at its time-out',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => a.writeSync(0, 3),
      (a) => a.writeSync(1, 2, SOON),
      (a) => {
        a.readSync(40)
        a.close('reader')
      },
    ],
  },
  {
    name: 'a close reaches a writer queued behind one that fills in place',
    errors: [CLOSED],
    parts: [
      (a) => a.writeInPlaceSync(0, 2, {}, () => a.awaitSignal()),
      (a) => {
        a.writeSync(1, 2)
        a.signal()
      },
      (a) => a.close('writer'),
    ],
  },
  {
    name: 'time-out 0 on both sides',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeSync(0, 3, { timeout: 0 })
        a.close('writer')
      },
      (a) => {
        a.readSync(4, { timeout: 0 })
        a.readAllSync(4)
      },
    ],
  },
  {
    name: 'in place: both sides, in pieces',
    parts: [
      (a) => {
        a.writeInPlaceSync(0, 5)
        a.close('writer')
      },
      (a) => {
        while (typeof a.readInPlaceSync(3).n === 'number');
      },
    ],
  },
  {
    name: 'in place: both sides, amid the window',
    parts: [
      (a) => {
        a.writeSync(0, 40)
        a.writeInPlaceSync(1, 40)
        a.close('writer')
      },
      (a) => {
        while (typeof a.readInPlaceSync(30).n === 'number');
      },
    ],
  },
  {
    name: 'in place: a write with no room behind the one before',
    bits: 7,
    parts: [
      (a) => {
        a.writeSync(0, 40)
        a.writeInPlaceSync(1, 70)
        a.close('writer')
      },
      (a) => a.readAllSync(80),
    ],
  },
  {
    name: 'in place: the reader closed by a third',
    errors: [CLOSED],
    parts: [(a) => a.writeInPlaceSync(0, 5), (a) => void a.readInPlaceSync(3), (a) => a.close('reader')],
  },
  {
    name: 'in place: a writer with a time-out, and a plain reader',
    errors: [TIMEOUT, CLOSED],
    parts: [
      (a) => {
        a.writeInPlaceSync(0, 5, SOON)
        a.close('writer')
      },
      (a) => a.readAllSync(3),
    ],
  },
]

/** One write of 6 bytes meets reads of 4, and something ends or leaves amid that. */
function amid(name: string, errors: readonly string[], third: Part, parts?: readonly Part[]): Scenario {
  return { name, errors, parts: [...(parts ?? [(a) => a.writeSync(0, 6), (a) => a.readAllSync(4)]), third] }
}
