import type { PipeStats } from 'threadpipe'
import type { Stage } from './knobs.ts'

/** How a thread has spent its time: parts of 1. */
export interface Shares {
  /** Waiting for the stage before it, and for the one behind it. */
  before: number
  behind: number
  /** The rest. */
  working: number
}

/** The two pipes as they were at some time. */
export interface Reading {
  atMs: number
  /** From the source to the light. */
  fields: PipeStats
  /** From the light to the screen. */
  pictures: PipeStats
  /** How long the screen has waited for the display to be refreshed, in ms. */
  restedMs: number
}

/** Who has waited for whom between two readings. */
export function sharesOf(from: Reading, to: Reading): Record<Stage, Shares> {
  const part = (ms: number): number => Math.min(1, Math.max(0, ms / (to.atMs - from.atMs)))
  const shares = (before: number, behind: number): Shares => ({
    before,
    behind,
    working: Math.max(0, 1 - before - behind),
  })
  const grown = (pipe: 'fields' | 'pictures', figure: 'writerWaitMs' | 'readerWaitMs') =>
    part(to[pipe][figure] - from[pipe][figure])
  return {
    source: shares(0, grown('fields', 'writerWaitMs')),
    light: shares(grown('fields', 'readerWaitMs'), grown('pictures', 'writerWaitMs')),
    screen: shares(grown('pictures', 'readerWaitMs'), part(to.restedMs - from.restedMs)),
  }
}
