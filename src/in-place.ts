import { describe } from './checks.ts'
import { beforeCall, PipeError, progressOf, sayProgress } from './errors.ts'
import type { ReaderSync, WriterSync } from './io.ts'
import type { Operation } from './operation.ts'
import type { ReadOperation } from './read-operation.ts'
import type { WriteOperation } from './write-operation.ts'

/** Looks at bytes where they lie. Gives how many it consumed; nothing = all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing has this type
export type Use = (bytes: Uint8Array) => number | void

/** Fills bytes where they will be read. Gives how many it filled; nothing = all. */
// biome-ignore lint/suspicious/noConfusingVoidType: a callback that returns nothing has this type
export type Fill = (bytes: Uint8Array) => number | void

/** Lets `use` consume what a read lends, and settles it. A callback that throws consumes nothing (C30). @returns bytes consumed */
export function consume(operation: ReadOperation, use: Use): number {
  const { lent } = operation
  let n: number
  try {
    n = countOf(use(lent), lent.length, 'consumed')
  } catch (error) {
    operation.cancel()
    throw error
  }
  settle(operation, n)
  return operation.moved
}

/** Lets `fill` fill what a write lends, and commits it. A callback that throws commits nothing (C30). */
export function fillIn(operation: WriteOperation, fill: Fill): void {
  const { lent } = operation
  let n: number
  try {
    n = countOf(fill(lent), lent.length, 'filled')
  } catch (error) {
    operation.cancel()
    throw error
  }
  operation.commit(n)
}

/** Settles a read. For lack of stack that may fail, once the bytes are consumed; then the error says so. */
function settle(operation: ReadOperation, n: number): void {
  try {
    operation.settle(n)
  } catch (error) {
    throw operation.abandon(error)
  }
}

/** What a call to the other end of a copy gave, or threw. */
export type Outcome = { n: unknown } | { error: unknown; call: number }

function attempt(make: () => unknown): Outcome {
  const call = beforeCall()
  try {
    return { n: make() }
  } catch (error) {
    return { error, call }
  }
}

/** Has a source read into what a write lends. */
export function readInto({ lent }: Operation, source: ReaderSync): Outcome {
  return attempt(() => source.readSync(lent))
}

/** Has a destination write what a read lends. */
export function writeFrom({ lent }: Operation, destination: WriterSync): Outcome {
  return attempt(() => destination.writeSync(lent))
}

export async function attemptAsync(make: () => Promise<unknown>): Promise<Outcome> {
  const call = beforeCall()
  try {
    return { n: await make() }
  } catch (error) {
    return { error, call }
  }
}

/** Says what a destination took of the bytes lent to it, also by the error of one that took a part. */
export function settleWritten(operation: ReadOperation, length: number, write: Outcome, before: number): number {
  if ('error' in write) {
    const said = progressOf(write.error, 'bytesWritten', write.call)
    const taken = isCount(said, length) ? said : 0
    if (taken > 0) settle(operation, taken)
    else operation.cancel()
    throw sayProgress(write.error, 'bytesWritten', before + taken)
  }
  const { n } = write
  if (!isCount(n, length)) {
    operation.cancel()
    throw new TypeError(`The destination gave ${describe(n)} as the number of bytes written, of ${length}`)
  }
  settle(operation, n)
  if (n === length) return n
  const error = new PipeError('ERR_PIPE_SHORT_WRITE', `The destination took ${n} of ${length} bytes`)
  throw sayProgress(error, 'bytesWritten', before + n)
}

/** Runs the pipe's side of a copy: an error says how much had been copied, with what the write that is under way, if any, has moved. */
export function copying(copied: number, run: () => void, write?: WriteOperation): void {
  try {
    run()
  } catch (error) {
    throw sayProgress(error, 'bytesWritten', copied + (write?.moved ?? 0))
  }
}

/** The same, awaiting. */
export async function copyingAsync(
  copied: number,
  run: () => Promise<void> | undefined,
  write?: WriteOperation,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    throw sayProgress(error, 'bytesWritten', copied + (write?.moved ?? 0))
  }
}

/** Commits what a source has read into the bytes lent. @returns bytes; null at its end. Without any, the write is off */
export function commitRead(operation: WriteOperation, read: Outcome, before: number): number | null {
  if ('n' in read && isCount(read.n, operation.lent.length) && read.n > 0) {
    operation.commit(read.n)
    return read.n
  }
  const { length } = operation.lent
  operation.cancel()
  if ('error' in read) throw sayProgress(read.error, 'bytesWritten', before)
  if (read.n === null || read.n === 0) return read.n
  throw new TypeError(`The source gave ${describe(read.n)} as the number of bytes read, of at most ${length}`)
}

function countOf(n: unknown, length: number, what: string): number {
  if (n === undefined) return length
  if (typeof n !== 'number') throw new TypeError(`The callback gave ${describe(n)} as the number of bytes ${what}`)
  if (!isCount(n, length))
    throw new RangeError(`The callback gave ${n} as the number of bytes ${what}, of ${length} lent`)
  return n
}

function isCount(n: unknown, length: number): n is number {
  return typeof n === 'number' && Number.isInteger(n) && n >= 0 && n <= length
}
