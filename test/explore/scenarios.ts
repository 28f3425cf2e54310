import * as layout from '../../src/layout.ts'
import type { Actor } from './actor.ts'

/** A part that one thread plays; blocking unless it gives a promise. */
export type Part = (actor: Actor) => Promise<void> | void

export interface Scenario {
  readonly name: string
  readonly parts: readonly Part[]
  /** Bytes a write may leave unread; 0 = rendezvous. At most 64. */
  readonly capacity?: number
  /** What calls may throw: codes, or name and message. Without any, nothing may fail. */
  readonly errors?: readonly string[]
  /** Bits of a byte that say where in its write it stands; the others say which write. */
  readonly bits?: number
  /** Threads whose part is like that of the thread before them. */
  readonly twins?: readonly number[]
  /** The thread that dies, at every step in turn. */
  readonly victim?: number
  /** Some part awaits. */
  readonly awaits?: boolean
  /** Spinning before sleeping, as on a machine with more than one core. */
  readonly spins?: boolean
  /** Bytes may be left in the buffer when all is over. */
  readonly leavesBytes?: boolean
  /** Sets the memory up before a schedule. */
  readonly prepare?: (words: Int32Array) => void
}

export const WINDOW = 128
const CLOSED = 'ERR_PIPE_CLOSED'
const TIMEOUT = 'ERR_PIPE_TIMEOUT'
const OOPS = 'RangeError: oops'
/** Short enough that it may run out at any moment. */
const SOON = { timeout: 10 }
/** Long beside the time in which a death is seen. */
const LATE = { timeout: 220 }

/** Reads once, into a target that is larger than any write. */
const readOnce = (a: Actor): void => void a.readSync(40)
const readTwice = (a: Actor): void => {
  a.readSync(40)
  a.readSync(40)
}

/** One write of 6 bytes meets reads of 4, and something ends or leaves amid that. */
function amid(name: string, errors: readonly string[], third: Part, parts?: readonly Part[]): Scenario {
  return { name, errors, parts: [...(parts ?? [(a) => a.writeSync(0, 6), (a) => a.readAllSync(4)]), third] }
}

const RENDEZVOUS: readonly Scenario[] = [
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

const BUFFERED: readonly Scenario[] = [
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
    parts: [
      (a) => {
        a.writeSync(0, 3)
        a.writeSync(1, 3)
      },
      (a) => a.readAllSync(4),
      (a) => a.close('writer'),
    ],
  },
  {
    name: 'buffered: closeWithError of the reader by a third',
    capacity: 4,
    errors: [CLOSED, OOPS],
    parts: [
      (a) => {
        a.writeSync(0, 3)
        a.writeSync(1, 3)
      },
      (a) => a.readAllSync(4),
      (a) => a.closeWithError('reader', 'oops'),
    ],
  },
  {
    name: 'buffered: abort by a third',
    capacity: 4,
    leavesBytes: true,
    errors: [OOPS],
    parts: [
      (a) => {
        a.writeSync(0, 3)
        a.writeSync(1, 3)
      },
      (a) => a.readAllSync(4),
      (a) => a.abort('writer', 'oops'),
    ],
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
    name: 'buffered, in place: with a pad at the end of the ring',
    capacity: 6,
    prepare: atCount(124),
    parts: [
      (a) => {
        a.writeInPlaceSync(0, 5)
        a.writeSync(1, 3)
        a.close('writer')
      },
      (a) => {
        a.readInPlaceSync(3)
        a.readAllSync(6)
      },
    ],
  },
]

const AWAITED: readonly Scenario[] = [
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

const SPINNING: readonly Scenario[] = [
  {
    name: 'spinning 1 × 1',
    spins: true,
    parts: [(a) => a.writeSync(0, 5), (a) => a.readAllSync(4), (a) => a.close('writer')],
    errors: [CLOSED],
  },
  { name: 'spinning 2 × 1', spins: true, parts: [(a) => a.writeSync(0, 3), (a) => a.writeSync(1, 2), readTwice] },
  {
    name: 'spinning 1 × 1, larger than the window',
    spins: true,
    bits: 8,
    parts: [(a) => a.writeSync(0, 2 * WINDOW - 10), (a) => void a.readSync(4 * WINDOW)],
  },
  {
    name: 'spinning, awaited reader',
    awaits: true,
    spins: true,
    parts: [(a) => a.writeSync(0, 5), async (a) => void (await a.read(5))],
  },
]

/** The victim dies at every step of its part; the others are told, or have what was theirs. */
const DYING: readonly Scenario[] = [
  dying('the writer dies', 0, [(a) => a.writeSync(0, 6), (a) => a.readAllSync(4)]),
  dying(
    'the writer dies amid a write of two windows',
    0,
    [(a) => a.writeSync(0, 2 * WINDOW - 10), (a) => a.readAllSync(4 * WINDOW)],
    { bits: 8 },
  ),
  dying('the reader dies', 1, [writeOn, (a) => a.readAllSync(4)]),
  dying(
    'the reader dies amid a write of two windows',
    1,
    [
      (a) => {
        a.writeSync(0, 2 * WINDOW - 10)
        a.close('writer')
      },
      (a) => a.readAllSync(4 * WINDOW),
    ],
    { bits: 8 },
  ),
  dying('the writer dies in place', 0, [(a) => a.writeInPlaceSync(0, 5), (a) => a.readAllSync(4)]),
  dying('the reader dies in place', 1, [writeOn, (a) => void a.readInPlaceSync(3)]),
  dying(
    'one writer of two dies',
    0,
    [
      (a) => a.writeSync(0, 3),
      (a) => {
        a.writeSync(1, 2)
        a.close('writer')
      },
      (a) => a.readAllSync(40),
    ],
    { errors: [CLOSED] },
  ),
  dying('one reader of two dies', 0, [
    (a) => void a.readSync(2),
    readOnce,
    (a) => {
      a.writeSync(0, 3)
      a.close('writer')
    },
  ]),
  dying(
    'a thread dies while it closes the writer',
    2,
    [writeAndClose, (a) => a.readAllSync(40), (a) => a.close('writer')],
    { errors: [CLOSED] },
  ),
  dying(
    'a thread dies while it ends the writer with an error',
    2,
    [writeAndClose, (a) => a.readAllSync(40), (a) => a.closeWithError('writer', 'oops')],
    { errors: [CLOSED, OOPS] },
  ),
  dying(
    'a thread dies while it aborts',
    2,
    [writeAndClose, (a) => a.readAllSync(40), (a) => a.abort('reader', 'oops')],
    { errors: [OOPS] },
  ),
  dying(
    'a thread dies while it closes, and nobody else does',
    1,
    [(a) => a.writeSync(0, 3, LATE), (a) => a.close('writer')],
    {
      errors: [CLOSED, TIMEOUT],
    },
  ),
  dying('the writer dies, and its reader awaits', 0, [(a) => a.writeSync(0, 6), (a) => a.readAll(4)], { awaits: true }),
  dying(
    'the reader dies, and its writer awaits',
    1,
    [
      async (a) => {
        await a.write(0, 3)
        await a.write(1, 3)
        a.close('writer')
      },
      (a) => a.readAllSync(4),
    ],
    { awaits: true },
  ),
  dying(
    'buffered: the writer dies',
    0,
    [
      (a) => {
        a.writeSync(0, 3)
        a.writeSync(1, 3)
      },
      (a) => a.readAllSync(4),
    ],
    { capacity: 4 },
  ),
  dying('buffered: the reader dies', 1, [writeOn, (a) => a.readAllSync(4)], { capacity: 4 }),
  dying(
    'buffered: one reader of two dies',
    0,
    [
      (a) => void a.readSync(2),
      readOnce,
      (a) => {
        a.writeSync(0, 3)
        a.close('writer')
      },
    ],
    { capacity: 4 },
  ),
]

function writeAndClose(a: Actor): void {
  a.writeSync(0, 3)
  a.close('writer')
}

function writeOn(a: Actor): void {
  for (let id = 0; id < 3; id += 1) a.writeSync(id, 3)
  a.close('writer')
}

function dying(name: string, victim: number, parts: readonly Part[], rest: Partial<Scenario> = {}): Scenario {
  return { name, victim, parts, ...rest }
}

/** A buffered pipe through which so many bytes have gone. */
function atCount(count: number): (words: Int32Array) => void {
  return (words) => {
    words[layout.STORED] = layout.storedMore(0, count)
    words[layout.DRAINED] = count
  }
}

export const SCENARIOS: readonly Scenario[] = [
  ...RENDEZVOUS,
  ...BUFFERED,
  ...AWAITED.map((scenario) => ({ ...scenario, awaits: true })),
  ...SPINNING,
  ...DYING,
]
