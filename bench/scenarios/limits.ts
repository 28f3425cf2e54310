import { native } from '../native.ts'
import type { Scenario } from '../scenario.ts'

/** What the machine can do, in C: no pipe is faster. */
export const limits: Scenario = {
  name: 'limits',
  title: 'What the machine itself can do',
  unit: 'ns',
  effort: { rounds: 15, roundMs: 60, warmUpMs: 60 },
  by: 'what',
  setups: [
    { label: 'a round trip between two threads that spin', start: async () => [limit('spin')] },
    { label: 'a round trip between two threads that sleep on a futex', start: async () => [limit('futex')] },
    { label: 'memcpy of 64 KiB', start: async () => [limit('memcpy', 65_536)] },
    { label: 'memcpy of 1 MiB', start: async () => [limit('memcpy', 1 << 20)] },
    { label: 'memcpy of 16 MiB', start: async () => [limit('memcpy', 16 << 20)] },
  ],
}

function limit(mode: string, size = 1): ReturnType<typeof native> {
  return native('C', 'c', [mode, String(size)])
}
