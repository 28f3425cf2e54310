import type { Control } from './control.ts'

/** How an actor has ended. */
export type Ending =
  | { readonly kind: 'returned'; readonly value: unknown }
  /** Nobody reads what it writes any more, or the run was called off: no failure. */
  | { readonly kind: 'left' }
  | Failure

export interface Failure {
  readonly kind: 'failed'
  readonly error: Error
  /** It only tells of another one's end. */
  readonly derived: boolean
}

/** What does the work of a part, or a share of it, as the calling thread sees it: a thread, a child process, a stream. */
export interface Actor {
  /** Settles when nothing of it is left. Never rejects. */
  readonly ended: Promise<Ending>
  /** Tells it that what comes after it has ended: it may end quietly, and if it only waits for its source it must. */
  leave(): void
  /** Tells it that the run has failed: its pipes are aborted. */
  stop(): void
  /** Ends it by force. */
  kill(): void
}

/** The failure of an actor in the calling thread. Comes before its pipes end: what others then throw because of that is later. */
export function failure(control: Control, part: number, error: Error): Failure {
  return { kind: 'failed', error, derived: !control.claim(part) }
}
