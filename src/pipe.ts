import { checkObject, sizeOption } from './checks.ts'
import { MadeHandle } from './half.ts'
import { createMemory } from './memory.ts'
import { PipeReader } from './reader.ts'
import { PipeWriter } from './writer.ts'

/** The sizes of a pipe. */
export interface PipeOptions {
  /**
   * Bytes that a write may leave unread when it returns; 0, the default, is a rendezvous: none. With more, the pipe is a buffered byte stream as
   * `os.Pipe` makes it: reads may span writes, and what is stored when the writer closes is still read.
   */
  capacity?: number
  /** Bytes of shared memory through which a rendezvous pipe hands over; writes and reads may be of any size. Default 256 KiB. */
  window?: number
  /** Room for the error that each half may be closed with, in bytes; what does not fit is cut. Default 4 KiB. */
  errorBytes?: number
}

const DEFAULT_WINDOW = 256 * 1024
const DEFAULT_ERROR_BYTES = 4096

/**
 * Makes a pipe between threads: what is written to the one half is read from the other, and a write returns only when readers have taken
 * all of it. Go's `io.Pipe`.
 *
 * Both halves may be given to other threads, as they are, through `workerData` or `postMessage`, and rebuilt there with
 * `PipeReader.from` and `PipeWriter.from`. Nothing has to be freed.
 *
 * @throws TypeError, RangeError for bad options; RangeError where the runtime has not so much shared memory, TypeError where it has none: in a web
 * page that is not cross-origin isolated
 */
export function pipe(options: PipeOptions = {}): { reader: PipeReader; writer: PipeWriter } {
  checkObject(options, 'options')
  const { buffer } = createMemory({
    capacity: sizeOption('capacity', options.capacity, 0),
    window: sizeOption('window', options.window, DEFAULT_WINDOW),
    errorBytes: sizeOption('errorBytes', options.errorBytes, DEFAULT_ERROR_BYTES),
  })
  return {
    reader: PipeReader.from(new MadeHandle(buffer, 'reader')),
    writer: PipeWriter.from(new MadeHandle(buffer, 'writer')),
  }
}
