import type { Actor } from '../actor.ts'
import { CLOSED, OOPS, type Part, readOnce, type Scenario, TIMEOUT, WINDOW, writeTwice } from './scenario.ts'

/** Long beside the time in which a death is seen. */
const LATE = { timeout: 220 }

/** The victim dies at every step of its part; the others are told, or have what was theirs. */
export const DYING: readonly Scenario[] = [
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
  dying('the reader dies amid a write that starts amid the window', 1, [
    (a) => {
      a.writeSync(0, 40)
      a.writeSync(1, 40)
      a.close('writer')
    },
    (a) => a.readAllSync(30),
  ]),
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
  dying('buffered: the writer dies', 0, [writeTwice, (a) => a.readAllSync(4)], { capacity: 4 }),
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
