import type { Scenario } from '../scenario.ts'
import { awaitedSends } from './awaited.ts'
import { bufferedWrites } from './buffered.ts'
import { chained } from './chain.ts'
import { contention } from './contention.ts'
import { limits } from './limits.ts'
import { misalignedBuffers } from './misaligned.ts'
import { parked } from './parked.ts'
import { rendezvous } from './rendezvous.ts'
import { rest } from './rest.ts'
import { spinning } from './spinning.ts'
import { work } from './work.ts'

export const SCENARIOS: readonly Scenario[] = [
  rendezvous,
  work,
  bufferedWrites,
  parked,
  awaitedSends,
  contention,
  chained,
  misalignedBuffers,
  rest,
  spinning,
  limits,
]
