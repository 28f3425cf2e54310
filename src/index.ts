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
export {
  type AsyncWaitOptions,
  copy,
  copyBuffer,
  copyBufferSync,
  copyN,
  copyNSync,
  copySync,
  type Fill,
  PipeError,
  type PipeErrorCode,
  type PipeHandle,
  type PipeOptions,
  PipeReader,
  type PipeStats,
  PipeWriter,
  pipe,
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
  type Use,
  type WaitOptions,
  type Writer,
  type WriterSync,
  type WriterTo,
  type WriterToSync,
} from './core.ts'
