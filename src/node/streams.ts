import { Buffer } from 'node:buffer'
import { Readable, type ReadableOptions, Writable, type WritableOptions } from 'node:stream'
import { checkHalf, type PipeReader, type PipeWriter } from '../core.ts'
import { reasonOf } from '../reasons.ts'

/** The target of one read of a stream, in bytes. */
const CHUNK_BYTES = 64 * 1024

/**
 * Makes a Node stream of a reader. The writer at the other end waits while the stream's consumer does: no more than `highWaterMark` and a chunk
 * is held. Chunks are copies. The writer's error destroys the stream; destroying the stream closes the reader, with the error if there is one.
 *
 * @throws TypeError if that is no reader
 */
export function toReadable(reader: PipeReader, options: ReadableOptions = {}): Readable {
  checkHalf(reader, 'reader')
  let target = Buffer.alloc(0)
  return new Readable({
    ...options,
    objectMode: false,
    read() {
      if (target.length === 0) target = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      readSome(reader, target).then(
        (n) => {
          if (n === null) this.push(null)
          else if (n < CHUNK_BYTES / 2) this.push(Buffer.from(target.subarray(0, n)))
          else {
            const chunk = target.subarray(0, n)
            target = Buffer.alloc(0)
            this.push(chunk)
          }
        },
        (error) => this.destroy(error),
      )
    },
    destroy(error, callback) {
      // Node's own word for a consumer that has simply left, as by `break`
      if ((error as NodeJS.ErrnoException | null)?.code === 'ABORT_ERR' && error?.cause === undefined) reader.close()
      else reader.closeWithError(reasonOf(error))
      callback(error)
    },
  })
}

/**
 * Makes a Node stream of a writer. It takes the next chunk when readers have taken the last one: `write()` returns false meanwhile, as ever.
 * Ending the stream closes the writer. The reader's error, or ERR_PIPE_CLOSED, destroys the stream with the next write; destroying it ends the
 * pipe with the error, so that readers do not take what they have for all.
 *
 * @throws TypeError if that is no writer
 */
export function toWritable(writer: PipeWriter, options: WritableOptions = {}): Writable {
  checkHalf(writer, 'writer')
  return new Writable({
    ...options,
    objectMode: false,
    decodeStrings: true,
    write(chunk: Buffer, _encoding, callback) {
      writer.write(chunk).then(() => callback(), callback)
    },
    writev(chunks, callback) {
      writer.writev(chunks.map(({ chunk }) => chunk as Buffer)).then(() => callback(), callback)
    },
    final(callback) {
      writer.close()
      callback()
    },
    destroy(error, callback) {
      // After an end this changes nothing: the first end wins.
      writer.closeWithError(reasonOf(error) ?? prematureClose())
      callback(error)
    },
  })
}

/** Reads until there is something: an empty write is no chunk. */
async function readSome(reader: PipeReader, target: Uint8Array): Promise<number | null> {
  for (;;) {
    const n = await reader.read(target)
    if (n !== 0) return n
  }
}

function prematureClose(): Error {
  const error = new Error('The stream was destroyed before its end')
  return Object.assign(error, { code: 'ERR_STREAM_PREMATURE_CLOSE' })
}
