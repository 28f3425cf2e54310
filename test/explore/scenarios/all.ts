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

/** The most preemptions that can be asked for. */
export const MAX_BOUND = 10

/** @throws RangeError if there is no scenario of that name */
export function scenarioNamed(name: string): Scenario {
  const scenario = SCENARIOS.find((scenario) => scenario.name === name)
  if (scenario !== undefined) return scenario
  throw new RangeError(`there is no scenario "${name}"; there are:\n${SCENARIOS.map(({ name }) => name).join('\n')}`)
}

/** The names with a text in them. @throws RangeError if there is none */
export function scenarioNames(text = ''): string[] {
  const names = SCENARIOS.map(({ name }) => name)
  const found = names.filter((name) => name.includes(text))
  if (found.length === 0) throw new RangeError(`no scenario has "${text}" in its name; there are:\n${names.join('\n')}`)
  return found
}
