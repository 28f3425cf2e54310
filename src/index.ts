/**
 * Pipes between threads, and Go's helpers around them, on any runtime with `SharedArrayBuffer` and `Atomics`.
 *
 * @example
 * ```js
 * import { pipe, readAll } from 'threadpipe'
 *
 * const { reader, writer } = pipe()
 * writer.write('from one thread to another').then(() => writer.close())
 * console.log(new TextDecoder().decode(await readAll(reader))) // from one thread to another
 * ```
 * @module threadpipe
 */
export type { AsyncWaitOptions, PipeHandle, WaitOptions } from './checks.ts'
export { PipeError, type PipeErrorCode } from './errors.ts'
export type { Fill, Use } from './in-place.ts'
export {
  copy,
  copyBuffer,
  copyBufferSync,
  copyN,
  copyNSync,
  copySync,
  type Reader,
  type ReaderFrom,
  type ReaderFromSync,
  type ReaderSync,
  readAll,
  readAllSync,
  readAtLeast,
  readAtLeastSync,
  readFull,
  readFullSync,
  type Writer,
  type WriterSync,
  type WriterTo,
  type WriterToSync,
} from './io.ts'
export { type PipeOptions, pipe } from './pipe.ts'
export { PipeReader } from './reader.ts'
export type { PipeStats } from './stats.ts'
export { PipeWriter } from './writer.ts'
