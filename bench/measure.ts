import type { Contestant, Missing } from './contestant.ts'

/** What came of the rounds of one contestant. */
export interface Figure {
  name: string
  median: number
  least: number
  most: number
  rounds: number[]
  fairness?: number
}

export interface Effort {
  rounds: number
  roundMs: number
  warmUpMs: number
  /** How long a contestant runs before each of its rounds, uncounted: it has rested while the others ran, and the system has yet to put its threads on cores of their own. */
  leadMs?: number
}

const LEAD_MS = 40

/** Measures contestants in turn, round by round, each round beginning with another one: what disturbs the machine disturbs all of them. */
export async function measure(contestants: readonly Contestant[], effort: Effort): Promise<Figure[]> {
  const rounds = contestants.map((): number[] => [])
  const { leadMs = LEAD_MS } = effort
  try {
    for (const { round } of contestants) await round(effort.warmUpMs)
    for (let r = 0; r < effort.rounds; r += 1) {
      for (let i = 0; i < contestants.length; i += 1) {
        const turn = (i + r) % contestants.length
        const { round } = contestants[turn] as Contestant
        if (leadMs > 0) await round(leadMs)
        rounds[turn]?.push(await round(effort.roundMs))
      }
    }
    return contestants.map(({ name, fairness }, i) => ({
      ...figureOf(name, rounds[i] as number[]),
      ...(fairness === undefined ? {} : { fairness: fairness() }),
    }))
  } finally {
    await Promise.all(contestants.map(({ stop }) => stop()))
  }
}

export function figureOf(name: string, rounds: number[]): Figure {
  return { name, median: median(rounds), least: Math.min(...rounds), most: Math.max(...rounds), rounds }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}

export function isMissing(contestant: Contestant | Missing): contestant is Missing {
  return 'missing' in contestant
}

export function isHere(contestant: Contestant | Missing): contestant is Contestant {
  return !isMissing(contestant)
}
