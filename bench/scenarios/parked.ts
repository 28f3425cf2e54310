import { pipe } from 'threadpipe'
import { ask, type Contestant, startThread, stopThreads } from '../contestant.ts'
import type { ParkedData, ParkedHandle } from '../parked-side.ts'
import type { Scenario } from '../scenario.ts'
import { handleOf } from '../transports/threadpipe.ts'

/** Each hand-over finds the other side asleep. */
export const parked: Scenario = {
  name: 'parked',
  title: 'A byte there and a byte back, where each hand-over wakes a sleeper',
  unit: 'ns per round trip',
  effort: { rounds: 11, roundMs: 200, warmUpMs: 300 },
  by: 'size',
  setups: [{ label: '1 B', start: async () => [await throughPipes(), await throughAtomics()] }],
}

function throughPipes(): Promise<Contestant> {
  const [there, back] = [pipe(), pipe()]
  return pingPong('threadpipe', 'threadpipe', {
    ask: { input: handleOf(back.reader), output: handleOf(there.writer) },
    answer: { input: handleOf(there.reader), output: handleOf(back.writer) },
  })
}

function throughAtomics(): Promise<Contestant> {
  const word = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
  return pingPong('Atomics.wait and notify', 'atomics', { ask: { word }, answer: { word } })
}

async function pingPong(
  name: string,
  kind: ParkedData['kind'],
  handles: { ask: ParkedHandle; answer: ParkedHandle },
): Promise<Contestant> {
  const side = (role: ParkedData['role']) => startThread('parked-side', { role, kind, handle: handles[role] })
  const [asker, answerer] = await Promise.all([side('ask'), side('answer')])
  return {
    name,
    round: (ms) => ask(asker, ms),
    stop: () => stopThreads([asker, answerer]),
  }
}
