/**
 * The words that the threads of a cell share: the scribbler starts a case, the actors call and say when they are done. Nobody sleeps for a time
 * here: actors park on ROUND, the scribbler on DONE.
 */

/** Grows with each case. */
export const ROUND = 0
/** The case that is on. */
export const NUMBER = 1
/** Actors that are done with it. */
export const DONE = 2
/** Set when no more cases come. */
export const STOP = 3
/** A beat for each actor: grows when a call begins and when it ends. */
export const BEAT = 4
export const CELL_WORDS = 16

export interface CellData {
  board: Int32Array
  memories: SharedArrayBuffer[]
  seed: number
  role: { actor: number } | { scribbler: Schedule }
}

/** Which cases a cell runs: `first`, and others by `step`, below `end`; or one again and again. */
export interface Schedule {
  first: number
  step: number
  end: number
  only: number | undefined
}

export type CellMessage =
  | { outcomes: Record<string, number>; worstMs: number; copies: number }
  | { failure: string; number: number }
