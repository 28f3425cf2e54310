/**
 * Web streams over pipes, for browsers and every other runtime that has them.
 *
 * @example
 * ```js
 * import { pipe } from 'threadpipe'
 * import { toReadableStream } from 'threadpipe/web'
 *
 * const { reader, writer } = pipe()
 * writer.write('a thread may answer').then(() => writer.close())
 * console.log(await new Response(toReadableStream(reader)).text()) // a thread may answer
 * ```
 * @module threadpipe/web
 */
import { bytesOf, checkHalf, type PipeReader, type PipeWriter } from './core.ts'
import { reasonOf } from './reasons.ts'

/** The target of one read of a stream whose consumer brings none, in bytes. */
const CHUNK_BYTES = 64 * 1024

const encoder = new TextEncoder()

/**
 * Makes a web byte stream of a reader. Bytes are read when the consumer asks for them, straight into its own buffer if it brings one (BYOB);
 * chunks are copies otherwise. The writer's error becomes the stream's; `cancel(reason)` closes the reader with the reason.
 *
 * @throws TypeError if that is no reader
 */
export function toReadableStream(reader: PipeReader): ReadableStream<Uint8Array> {
  checkHalf(reader, 'reader')
  const scratch = new Uint8Array(CHUNK_BYTES)
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const request = controller.byobRequest
      const view = request?.view
      const target = view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : scratch
      // An empty write is no chunk.
      let n: number | null = 0
      while (n === 0) n = await reader.read(target)
      if (n === null) {
        controller.close()
        request?.respond(0)
      } else if (request) {
        request.respond(n)
      } else {
        controller.enqueue(scratch.slice(0, n))
      }
    },
    cancel(reason) {
      reader.closeWithError(reasonOf(reason))
    },
  })
}

/**
 * Makes a web stream of a writer: each chunk, of bytes or a string, is one write, which is done when readers have taken it. Closing the stream
 * closes the writer; `abort(reason)` ends the pipe with the reason, and a write that waits; the reader's error becomes the stream's with the next write. A
 * `pipeTo` whose signal fires waits for its last write first, as the standard has it.
 *
 * @throws TypeError if that is no writer
 */
export function toWritableStream(writer: PipeWriter): WritableStream<ArrayBufferView | ArrayBuffer | string> {
  checkHalf(writer, 'writer')
  return new WritableStream({
    async write(chunk, { signal }: Controller) {
      await writer.write(chunkBytes(chunk), signal === undefined ? {} : { signal })
    },
    close() {
      writer.close()
    },
    abort(reason) {
      writer.closeWithError(reasonOf(reason) ?? new Error('The stream was aborted'))
    },
  })
}

/** With what the types of Node leave out, and older runtimes do. */
type Controller = WritableStreamDefaultController & { readonly signal?: AbortSignal }

function chunkBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return encoder.encode(chunk)
  if (chunk instanceof ArrayBuffer) return new Uint8Array(chunk)
  return bytesOf(chunk as ArrayBufferView, 'chunk')
}
