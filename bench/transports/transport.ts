import type { Transferable } from 'node:worker_threads'

/** A way to get bytes from one thread to another: a contestant. Each of its two ends runs in a thread of its own. */
export interface Transport {
  readonly name: string
  /** The entry of its threads, where that is not `side`. */
  readonly entry?: string
  /** What a send waits for: the bytes are taken; they are stored; or nothing, so that the receiver may fall behind without limit. */
  readonly waits: 'taken' | 'stored' | 'no'
  /** Makes what the ends are opened with. */
  make(size: number): Link | Promise<Link>
  /** Opens the sending end, in its thread. */
  sender(handle: unknown, size: number): Sender | Promise<Sender>
  /** Receives all that comes, in its thread, and gives it to `consume`. */
  receive(handle: unknown, size: number, consume: Consume): void | Promise<void>
  /** Passes on all that comes, in its thread, in sends of `size` bytes: with as few copies as it can. Only what blocks can do so. */
  pass?(handle: unknown, onward: unknown, size: number): void
}

export interface Link {
  readonly sender: unknown
  readonly receiver: unknown
  readonly transfer?: Transferable[]
  remove?(): void
}

export interface Sender {
  /** Wakes what rests between the rounds. */
  begin?(): void
  /** Sends `size` bytes, which `produce` puts there. */
  send(produce: Produce): void | Promise<void>
  /** Waits until all that was sent is taken, where a send does not. */
  flush?(): void | Promise<void>
}

export type Produce = (bytes: Uint8Array) => void
export type Consume = (bytes: Uint8Array) => void
