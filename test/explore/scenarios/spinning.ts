import { CLOSED, readTwice, type Scenario, WINDOW } from './scenario.ts'

export const SPINNING: readonly Scenario[] = [
  {
    name: 'spinning 1 × 1',
    spins: true,
    parts: [(a) => a.writeSync(0, 5), (a) => a.readAllSync(4), (a) => a.close('writer')],
    errors: [CLOSED],
  },
  {
    name: 'spinning 1 × 1, closed by a third',
    spins: true,
    parts: [(a) => a.writeSync(0, 3), (a) => void a.readSync(4), (a) => a.close('writer')],
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
