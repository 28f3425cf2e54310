import { constants, fstatSync, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import { isatty, ReadStream, WriteStream } from 'node:tty'
import { PipeError } from '../errors.ts'
import { copy } from '../io.ts'
import type { PipeReader } from '../reader.ts'
import type { PipeWriter } from '../writer.ts'
import { type Actor, type Ending, failure } from './actor.ts'
import type { Control } from './control.ts'
import { errorOf } from './errors.ts'

/**
 * Descriptors that a call may wait at for ever: pipes, terminals, sockets. No thread can be called back from there; so they are served by the event
 * loop of the calling thread.
 */

const CHUNK_BYTES = 64 * 1024
/** How often it is looked whether a FIFO has a reader, in ms. */
const RETRY_MS = 20

/** Whether a descriptor is of that sort. */
export function isStream(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket() || isatty(fd)
}

/** A stream that is the first part: a descriptor, or the path of a FIFO. */
export class SourceActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #output: PipeWriter
  #stream: Readable | undefined
  #left = false

  constructor(control: Control, part: number, source: string | number, output: PipeWriter) {
    this.#output = output
    this.ended = this.#live(control, source).catch((error) => {
      const ending = this.#left ? ({ kind: 'left' } as const) : failure(control, part, errorOf(error))
      if (ending.kind === 'left') output.close()
      else output.closeWithError(ending.error)
      return ending
    })
  }

  leave(): void {
    this.#left = true
    this.#stream?.destroy()
  }

  stop(): void {
    this.leave()
  }

  kill(): void {
    this.leave()
  }

  async #live(control: Control, source: string | number): Promise<Ending> {
    const stream = openSource(source)
    this.#stream = stream
    control.ready()
    try {
      if (!(await control.wait())) return { kind: 'left' }
      await copy(this.#output, stream)
    } catch (error) {
      if (!isClosed(error)) throw error
      this.#left = true
    } finally {
      await destroyed(stream)
    }
    this.#output.close()
    return this.#left ? { kind: 'left' } : { kind: 'returned', value: undefined }
  }
}

/** A stream that is the last part. */
export class SinkActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #input: PipeReader
  #stream: Writable | undefined
  #stopped = false

  constructor(control: Control, part: number, target: string | number, input: PipeReader) {
    this.#input = input
    this.ended = this.#live(control, target).catch((error) => {
      const ending = failure(control, part, errorOf(error))
      input.closeWithError(errorOf(error))
      return ending
    })
  }

  leave(): void {}

  stop(): void {
    this.#stopped = true
    this.#stream?.destroy()
  }

  kill(): void {
    this.stop()
  }

  async #live(control: Control, target: string | number): Promise<Ending> {
    const stream = await this.#open(target)
    if (stream === undefined) return { kind: 'left' }
    this.#stream = stream
    control.ready()
    try {
      if (!(await control.wait())) return { kind: 'left' }
      const left = (await writeOut(this.#input, stream)) === 'left'
      this.#input.close()
      return left ? { kind: 'left' } : { kind: 'returned', value: undefined }
    } finally {
      await destroyed(stream)
    }
  }

  /** A FIFO by its path opens when somebody reads it. @returns undefined if the run was stopped before */
  async #open(target: string | number): Promise<Writable | undefined> {
    for (; !this.#stopped; await new Promise((resolve) => setTimeout(resolve, RETRY_MS))) {
      try {
        return openSink(target)
      } catch (error) {
        if (typeof target === 'number' || (error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
      }
    }
    return undefined
  }
}

/**
 * Writes what comes out of a pipe to a stream, and ends that.
 *
 * @returns 'left' if nobody takes it there any more; the pipe is closed then
 * @throws the pipe's errors, and the stream's but for that one
 */
export async function writeOut(input: PipeReader, stream: Writable): Promise<'all' | 'left'> {
  const chunk = new Uint8Array(CHUNK_BYTES)
  for (;;) {
    const n = await input.read(chunk)
    try {
      if (n === null) await called((done) => stream.end(done))
      else await called((done) => stream.write(chunk.subarray(0, n), done))
    } catch (error) {
      if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      input.close()
      return 'left'
    }
    if (n === null) return 'all'
  }
}

/** How streams say that the other side has gone. */
const GONE = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED', 'ERR_STREAM_WRITE_AFTER_END'])

function called(call: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())))
}

/** A second description of what a descriptor is open on: it does not block, and is ours to close. Of a socket there is none. */
function reopen(fd: number, flags: number): number {
  if (fstatSync(fd).isSocket()) return fd
  return openSync(`/dev/fd/${fd}`, flags | constants.O_NONBLOCK | constants.O_NOCTTY)
}

function openSource(source: string | number): Readable {
  const { O_RDONLY, O_NONBLOCK } = constants
  const fd = typeof source === 'number' ? reopen(source, O_RDONLY) : openSync(source, O_RDONLY | O_NONBLOCK)
  const stream = isatty(fd) ? new ReadStream(fd) : new Socket({ fd, readable: true, writable: false })
  // Whoever reads is told.
  return stream.on('error', () => {})
}

function openSink(target: string | number): Writable {
  const { O_WRONLY, O_NONBLOCK } = constants
  const fd = typeof target === 'number' ? reopen(target, O_WRONLY) : openSync(target, O_WRONLY | O_NONBLOCK)
  const stream = isatty(fd) ? new WriteStream(fd) : new Socket({ fd, readable: false, writable: true })
  // The write that failed is told.
  return stream.on('error', () => {})
}

async function destroyed(stream: Readable | Writable): Promise<void> {
  if (stream.closed) return
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.destroy()
  await closed
}

function isClosed(error: unknown): boolean {
  return error instanceof PipeError && error.code === 'ERR_PIPE_CLOSED'
}
