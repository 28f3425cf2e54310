import { AWAITED } from './awaited.ts'
import { BUFFERED } from './buffered.ts'
import { DYING } from './dying.ts'
import { RENDEZVOUS } from './rendezvous.ts'
import type { Scenario } from './scenario.ts'
import { SPINNING } from './spinning.ts'

export const SCENARIOS: readonly Scenario[] = [
  ...RENDEZVOUS,
  ...BUFFERED,
  ...AWAITED.map((scenario) => ({ ...scenario, awaits: true })),
  ...SPINNING,
  ...DYING,
]
