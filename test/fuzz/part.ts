/** What a part of the fuzz is asked for, and what it gives. A part throws a `FuzzFailure` at the first case that breaks the contract. */
export interface FuzzOptions {
  cases: number
  seed: number
  /** Runs this one case only, `cases` times: threads do not meet in the same way twice. */
  only?: number | undefined
  /** Where fast-check found a failure, to begin with it. */
  path?: string | undefined
}

export interface FuzzResult {
  cases: number
  outcomes: Outcomes
}

export type Outcomes = Record<string, number>

export function count(outcomes: Outcomes, outcome: string, times = 1): void {
  outcomes[outcome] = (outcomes[outcome] ?? 0) + times
}

/** The one outcome that is no count. */
export const WORST_MS = 'worst ms late'

export function addAll(outcomes: Outcomes, more: Outcomes): void {
  for (const [outcome, times] of Object.entries(more)) {
    if (outcome === WORST_MS) outcomes[outcome] = Math.max(outcomes[outcome] ?? 0, times)
    else count(outcomes, outcome, times)
  }
}

/** A case that broke the contract, and how to run it again. */
export class FuzzFailure extends Error {
  constructor(part: string, what: string, replay: string) {
    super(`${part}: ${what}\nreplay with: --part ${part} ${replay}`)
    this.name = 'FuzzFailure'
  }
}
