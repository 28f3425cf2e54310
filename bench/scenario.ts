import type { Drawn } from './chart.ts'
import type { Contestant, Missing } from './contestant.ts'
import type { Effort } from './measure.ts'
import { type Point, sizeName } from './report.ts'

/** One thing that is measured, in several setups, for several contestants. */
export interface Scenario {
  /** What its results are filed under. */
  readonly name: string
  readonly title: string
  /** What a figure is: less is better. */
  readonly unit: string
  readonly effort: Effort
  /** What the setups differ in. */
  readonly by: string
  readonly setups: readonly Setup[]
  /** What the figures come to, as a table of Markdown. */
  summary?(points: readonly Point[]): string
  /** What its chart draws, where that is not the figures themselves. */
  drawn?(points: readonly Point[]): Drawn
}

export interface Setup {
  readonly label: string
  /** Starts who takes part. */
  start(): Promise<(Contestant | Missing)[]>
}

export function bySize(
  sizes: readonly number[],
  start: (size: number) => Promise<(Contestant | Missing)[]>,
): { by: string; setups: Setup[] } {
  return { by: 'size', setups: sizes.map((size) => ({ label: sizeName(size), start: () => start(size) })) }
}
