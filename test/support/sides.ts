import type { PipeHandle, PipeReader, PipeWriter, WaitOptions } from 'threadpipe'
import type { Kind } from '../../workers/calls.ts'
import type { Thread } from './caller.ts'

export type { Kind }

/** The four ways in which a writer and a reader can meet. */
export const PAIRS: { writes: Kind; reads: Kind }[] = [
  { writes: 'blocking', reads: 'blocking' },
  { writes: 'blocking', reads: 'awaited' },
  { writes: 'awaited', reads: 'blocking' },
  { writes: 'awaited', reads: 'awaited' },
]

export const KINDS: { kind: Kind }[] = [{ kind: 'blocking' }, { kind: 'awaited' }]

/** What an operation of a test may wait at most: long beside what it needs, short beside the watchdog. */
export const PATIENT: WaitOptions = { timeout: 10_000 }

/** A thread that writes and reads in one kind of call. */
export class Side {
  readonly #thread: Thread
  readonly #kind: Kind

  constructor(thread: Thread, kind: Kind) {
    this.#thread = thread
    this.#kind = kind
  }

  write(writer: PipeWriter, source: ArrayBufferView | string, options: WaitOptions = PATIENT): Promise<number> {
    return this.#thread.run(
      ({ ops, PipeWriter }, { handle, kind, source, options }) =>
        ops(kind).write(PipeWriter.from(handle), source, options),
      { handle: handleOf(writer), kind: this.#kind, source, options },
    )
  }

  /** Writes one after the other. @returns what each gave */
  writeAll(writer: PipeWriter, sources: (ArrayBufferView | string)[], options: WaitOptions = PATIENT) {
    return this.#thread.run(
      async ({ ops, PipeWriter }, { handle, kind, sources, options }) => {
        const writer = PipeWriter.from(handle)
        const results: number[] = []
        for (const source of sources) results.push(await ops(kind).write(writer, source, options))
        return results
      },
      { handle: handleOf(writer), kind: this.#kind, sources, options },
    )
  }

  /** @returns the bytes read, or null at the end */
  read(reader: PipeReader, size: number, options: WaitOptions = PATIENT): Promise<Uint8Array | null> {
    return this.#thread.run(
      async ({ ops, PipeReader }, { handle, kind, size, options }) => {
        const target = new Uint8Array(size)
        const n = await ops(kind).read(PipeReader.from(handle), target, options)
        return n === null ? null : target.slice(0, n)
      },
      { handle: handleOf(reader), kind: this.#kind, size, options },
    )
  }

  /** Reads with targets of these sizes, one after the other. @returns what each gave */
  readAll(reader: PipeReader, sizes: number[], options: WaitOptions = PATIENT): Promise<(Uint8Array | null)[]> {
    return this.#thread.run(
      async ({ ops, PipeReader }, { handle, kind, sizes, options }) => {
        const reader = PipeReader.from(handle)
        const results: (Uint8Array | null)[] = []
        for (const size of sizes) {
          const target = new Uint8Array(size)
          const n = await ops(kind).read(reader, target, options)
          results.push(n === null ? null : target.slice(0, n))
        }
        return results
      },
      { handle: handleOf(reader), kind: this.#kind, sizes, options },
    )
  }

  readFull(reader: PipeReader, size: number): Promise<number | null> {
    return this.#thread.run(
      ({ ops, PipeReader }, { handle, kind, size }) =>
        ops(kind).readFull(PipeReader.from(handle), new Uint8Array(size)),
      { handle: handleOf(reader), kind: this.#kind, size },
    )
  }
}

/** Only what crosses threads. */
export function handleOf(half: PipeHandle): PipeHandle {
  return { memory: half.memory, half: half.half }
}

export function text(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : new TextDecoder().decode(bytes)
}

/** `n` bytes counting up from `from`. */
export function counting(n: number, from = 0): Uint8Array {
  return Uint8Array.from({ length: n }, (_, i) => (from + i) % 256)
}
