import { read, readSync, write, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { bytesOf, describe, type Reader, type ReaderSync, sayProgress, type Writer, type WriterSync } from '../core.ts'

/** A file descriptor to read from, blocking and awaited. */
export interface FileReader extends ReaderSync, Reader {
  /** The descriptor, which stays the caller's to close. */
  readonly fd: number
}

/** A file descriptor to write to, blocking and awaited. */
export interface FileWriter extends WriterSync, Writer {
  /** The descriptor, which stays the caller's to close. */
  readonly fd: number
}

/** How long to wait before a descriptor that would not block is tried again, in ms: longer each time, up to the second. */
const FIRST_RETRY_MS = 1
const MAX_RETRY_MS = 16

const readAsync = promisify(read)
const writeAsync = promisify(write)
const nobody = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))

/**
 * Reads from a file descriptor, at its position: a file, a pipe, a socket, a terminal. With `copySync(writer, fdReader(fd))` the system reads straight
 * into the shared memory of the pipe. A descriptor that does not block (EAGAIN) is waited for. It is not closed.
 *
 * @throws TypeError, RangeError if `fd` is no descriptor; its calls throw the system's errors
 */
export function fdReader(fd: number): FileReader {
  checkDescriptor(fd)
  return {
    fd,
    readSync(target) {
      const bytes = bytesOf(target, 'target')
      return countOf(
        bytes,
        retrySync(() => readSync(fd, bytes)),
      )
    },
    async read(target) {
      const bytes = bytesOf(target, 'target')
      return countOf(bytes, await retry(async () => (await readAsync(fd, bytes, 0, bytes.length, null)).bytesRead))
    },
  }
}

/**
 * Writes to a file descriptor, at its position. With `copySync(fdWriter(fd), reader)` the system writes straight from the shared memory
 * of the pipe. Short writes go on, and a descriptor that does not block (EAGAIN) is waited for. It is not closed.
 *
 * @throws TypeError, RangeError if `fd` is no descriptor; its calls throw the system's errors, EPIPE for instance, with `bytesWritten`
 */
export function fdWriter(fd: number): FileWriter {
  checkDescriptor(fd)
  return {
    fd,
    writeSync(source) {
      const bytes = bytesOf(source, 'source')
      let written = 0
      try {
        while (written < bytes.length) written += retrySync(() => writeSync(fd, bytes, written))
      } catch (error) {
        throw sayProgress(error, 'bytesWritten', written)
      }
      return written
    },
    async write(source) {
      const bytes = bytesOf(source, 'source')
      let written = 0
      try {
        while (written < bytes.length) {
          const rest = async (): Promise<number> =>
            (await writeAsync(fd, bytes, written, bytes.length - written, null)).bytesWritten
          written += await retry(rest)
        }
      } catch (error) {
        throw sayProgress(error, 'bytesWritten', written)
      }
      return written
    },
  }
}

/** Nothing read is the end, unless nothing was asked for. */
function countOf(target: Uint8Array, n: number): number | null {
  return n === 0 && target.length > 0 ? null : n
}

function retrySync(call: () => number): number {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
    try {
      return call()
    } catch (error) {
      if (!wouldBlock(error)) throw error
    }
    // nobody notifies: the descriptor has no other way to tell a blocking thread
    Atomics.wait(nobody, 0, 0, waitMs)
  }
}

async function retry(call: () => Promise<number>): Promise<number> {
  for (let waitMs = FIRST_RETRY_MS; ; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
    try {
      return await call()
    } catch (error) {
      if (!wouldBlock(error)) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs))
  }
}

function wouldBlock(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EAGAIN' || code === 'EWOULDBLOCK'
}

const MAX_DESCRIPTOR = 2 ** 31 - 1

function checkDescriptor(fd: unknown): void {
  if (typeof fd !== 'number') throw new TypeError(`The descriptor must be a number, not ${describe(fd)}`)
  if (!Number.isInteger(fd) || fd < 0 || fd > MAX_DESCRIPTOR) {
    throw new RangeError(`The descriptor must be a whole number from 0 to ${MAX_DESCRIPTOR}, not ${fd}`)
  }
}
