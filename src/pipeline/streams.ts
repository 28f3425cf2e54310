import { accessSync, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { Socket } from 'node:net'
import { Readable, type Writable } from 'node:stream'
import { isatty, ReadStream, WriteStream } from 'node:tty'
import { isMainThread } from 'node:worker_threads'
import { PipeError, type PipeReader, type PipeWriter } from '../core.ts'
import { type Actor, type Ending, failure } from './actor.ts'
import type { Control } from './control.ts'
import { AbortError, errorOf } from './errors.ts'

/**
 * Descriptors that a call may wait at for ever: pipes, terminals, sockets. No thread can be called back from there; so they are served by the event
 * loop of the calling thread.
 */

const CHUNK_BYTES = 64 * 1024
/** How often it is looked whether a FIFO has a reader, in ms. */
const RETRY_MS = 20

const STANDARD = { stdin: 0, stdout: 1, stderr: 2 } as const

/** Whether a descriptor is of that sort. */
export function isStream(fd: number): boolean {
  const stat = fstatSync(fd)
  return stat.isFIFO() || stat.isSocket() || isatty(fd)
}

/** A stream that is the first part: a descriptor, or the path of a FIFO or a terminal. */
export class SourceActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #left = new AbortController()

  constructor(control: Control, part: number, source: string | number, output: PipeWriter) {
    this.ended = this.#live(control, source, output).catch((error) => {
      const ending = failure(control, part, errorOf(error))
      output.closeWithError(ending.error)
      return ending
    })
  }

  leave(): void {
    this.#left.abort()
  }

  stop(): void {
    this.#left.abort()
  }

  kill(): void {
    this.#left.abort()
  }

  async #live(control: Control, source: string | number, output: PipeWriter): Promise<Ending> {
    const stream = openSource(source)
    control.ready()
    try {
      const done = (await control.wait()) && (await pump(stream, output, this.#left.signal))
      output.close()
      return done ? { kind: 'returned', value: undefined } : { kind: 'left' }
    } finally {
      await release(stream)
    }
  }
}

/** A stream that is the last part. */
export class SinkActor implements Actor {
  readonly ended: Promise<Ending>
  readonly #stopped = new AbortController()

  constructor(control: Control, part: number, target: string | number, input: PipeReader) {
    this.ended = this.#live(control, target, input).catch((error) => {
      const ending = failure(control, part, errorOf(error))
      input.closeWithError(ending.error)
      return ending
    })
  }

  leave(): void {}

  stop(): void {
    this.#stopped.abort()
  }

  kill(): void {
    this.#stopped.abort()
  }

  async #live(control: Control, target: string | number, input: PipeReader): Promise<Ending> {
    const stream = await this.#open(target)
    if (stream === undefined) return { kind: 'left' }
    control.ready()
    if (stream === 'gone') {
      if (await control.wait()) input.close()
      return { kind: 'left' }
    }
    try {
      const done = (await control.wait()) && (await writeOut(input, stream, this.#stopped.signal))
      input.close()
      return done ? { kind: 'returned', value: undefined } : { kind: 'left' }
    } finally {
      await release(stream)
    }
  }

  /** A FIFO by its path opens when somebody reads it. @returns undefined if the run was stopped before; 'gone' if nobody reads a descriptor's any more */
  async #open(target: string | number): Promise<Writable | 'gone' | undefined> {
    for (; !this.#stopped.signal.aborted; await new Promise((resolve) => setTimeout(resolve, RETRY_MS))) {
      try {
        return openSink(target)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error
        if (typeof target === 'number') return 'gone'
      }
    }
    return undefined
  }
}

/**
 * Copies a stream into a pipe. It is not destroyed, whatever happens.
 *
 * @returns whether it came to its end: not if nobody reads the pipe any more, or `left` fires
 */
async function pump(stream: Readable, output: PipeWriter, left: AbortSignal): Promise<boolean> {
  let wake = (): void => {}
  const onEvent = (): void => wake()
  const events = ['readable', 'end', 'close', 'error']
  for (const event of events) stream.on(event, onEvent)
  left.addEventListener('abort', onEvent)
  try {
    while (!left.aborted) {
      if (stream.errored !== null) throw stream.errored
      const chunk = stream.read() as Uint8Array | null
      if (chunk !== null) await output.write(chunk)
      else if (stream.readableEnded || stream.closed) return true
      // until there is more, or the end, or nobody wants it
      else await new Promise<void>((resolve) => (wake = resolve))
    }
    return false
  } catch (error) {
    if (isClosed(error)) return false
    throw error
  } finally {
    left.removeEventListener('abort', onEvent)
    for (const event of events) stream.off(event, onEvent)
  }
}

/**
 * Writes what comes out of a pipe to a stream. It is not ended: of a socket, that would be for all who share it.
 *
 * @param stopped ends it, though nobody takes what is being written
 * @returns whether all was written: not if nobody takes it there any more; the pipe is closed then
 * @throws the pipe's errors, and the stream's but for that one
 */
export async function writeOut(input: PipeReader, stream: Writable, stopped?: AbortSignal): Promise<boolean> {
  const chunk = new Uint8Array(CHUNK_BYTES)
  for (;;) {
    const n = await input.read(chunk)
    if (n === null) return true
    try {
      await written(stream, chunk.subarray(0, n), stopped)
    } catch (error) {
      if (!GONE.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      input.close()
      return false
    }
  }
}

function written(stream: Writable, bytes: Uint8Array, stopped: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const onStop = (): void => reject(new AbortError())
    stopped?.addEventListener('abort', onStop, { once: true })
    stream.write(bytes, (error) => {
      stopped?.removeEventListener('abort', onStop)
      if (error) reject(error)
      else resolve()
    })
  })
}

/** How streams say that the other side has gone. */
const GONE = new Set(['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])

let standardInput: Socket | undefined
/** Streams that are not ours to close. */
const shared = new WeakSet<Readable | Writable>()

/** A standard stream that cannot be opened anew, which others share: Node gives it back as it has got it, if it is not closed. */
function standardStream(fd: string | number, name: 'stdin' | 'stdout' | 'stderr'): Socket | undefined {
  if (fd !== STANDARD[name] || !isMainThread || canReopen(fd, name === 'stdin' ? constants.R_OK : constants.W_OK))
    return undefined
  const stream = process[name] as unknown as Socket
  shared.add(stream)
  return stream.on('error', toldElsewhere)
}

/** Not a socket, nor what belongs to another user: a process may have got it from one who has more rights, as after `sudo -u`. */
function canReopen(fd: number, mode: number): boolean {
  if (fstatSync(fd).isSocket()) return false
  try {
    accessSync(`/dev/fd/${fd}`, mode)
    return true
  } catch {
    return false
  }
}

/** Opens a path, or a second description of what a descriptor is open on: it does not block, and is ours to close. Of a socket there is none. */
function open(at: string | number, flags: number): number {
  if (typeof at === 'number' && fstatSync(at).isSocket()) return at
  const path = typeof at === 'number' ? `/dev/fd/${at}` : at
  return openSync(path, flags | constants.O_NONBLOCK | constants.O_NOCTTY)
}

function openSource(source: string | number): Readable {
  const standard = standardStream(source, 'stdin')
  if (standard !== undefined) {
    standardInput = standard
    return standard.ref()
  }
  const fd = open(source, constants.O_RDONLY)
  const early = typeof source === 'number' && fstatSync(fd).isFIFO() ? readEarly(fd) : { pieces: [], ended: false }
  if (early.ended) {
    closeSync(fd)
    return Readable.from(early.pieces)
  }
  const stream = isatty(fd) ? new ReadStream(fd) : new Socket({ fd, readable: true, writable: false })
  for (const piece of early.pieces.toReversed()) stream.unshift(piece)
  return stream.on('error', toldElsewhere)
}

const PIECE_BYTES = 64 * 1024
/** More than a FIFO holds: what has so much has somebody who writes. */
const MAX_PIECES = 64

/** Reads what a FIFO holds. The system does not tell who polls it of an end that was there when it was opened anew: so that is looked for here. */
function readEarly(fd: number): { pieces: Buffer[]; ended: boolean } {
  const pieces: Buffer[] = []
  while (pieces.length < MAX_PIECES) {
    const piece = Buffer.allocUnsafe(PIECE_BYTES)
    try {
      const n = readSync(fd, piece)
      if (n === 0) return { pieces, ended: true }
      pieces.push(piece.subarray(0, n))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') break
      throw error
    }
  }
  return { pieces, ended: false }
}

function openSink(target: string | number): Writable {
  const standard = standardStream(target, 'stdout') ?? standardStream(target, 'stderr')
  if (standard !== undefined) return standard
  const fd = open(target, constants.O_WRONLY)
  const stream = isatty(fd) ? new WriteStream(fd) : new Socket({ fd, readable: false, writable: true })
  return stream.on('error', toldElsewhere)
}

/** Whoever reads or writes is told, and need not be at it when it happens. */
function toldElsewhere(): void {}

/** Closes a stream of ours; others are left alone. */
async function release(stream: Readable | Writable): Promise<void> {
  if (shared.has(stream)) {
    stream.off('error', toldElsewhere)
    // What is not read any more keeps no process alive.
    if (stream === standardInput) standardInput.pause().unref()
    return
  }
  if (stream.closed) return
  const closed = new Promise((resolve) => stream.once('close', resolve))
  stream.destroy()
  await closed
}

function isClosed(error: unknown): boolean {
  return error instanceof PipeError && error.code === 'ERR_PIPE_CLOSED'
}
