import { describe, PipeError, PipeReader, PipeWriter } from '../core.ts'
import { loadFunction } from './modules.ts'
import type { ParallelFunction } from './parts.ts'
import type { ChunksJob, Work } from './seat.ts'

/**
 * How the threads of a `parallel` share their work. All of it goes through pipes, so that whatever ends them ends every wait.
 *
 * - `turn` holds one token, the index of the next chunk. Who has read it may read the input; then it writes the next index back. Its closing says that
 *   the input is at its end.
 * - `order` holds the numbers of the threads that have taken chunks, in the order of the chunks. It is written by who has the token.
 * - Each thread has a pipe of its own for its `results`: a header with the length, and the bytes. The merger reads the number of a thread from `order`,
 *   and then one result of that thread.
 *
 * So a thread goes on as long as there is room in its pipe, though a chunk before its own takes longer. Nothing waits in a circle: what the merger waits for
 * is the oldest chunk that is under way; its thread has room for it, since all its older results have been read, and does not wait for the token.
 */

export const TOKEN_BYTES = 8
export const THREAD_BYTES = 2
export const HEADER_BYTES = 8

export async function takeChunks(job: ChunksJob): Promise<Work> {
  const make = await loadFunction<ParallelFunction>(job.module)
  const thread = new ChunkThread(job, make)
  return {
    run: () => thread.run(),
    end: (error) => thread.end(error),
    isLeaving: (error) => thread.isLeaving(error),
  }
}

class ChunkThread {
  readonly #job: ChunksJob
  readonly #make: ParallelFunction
  readonly #input: PipeReader
  readonly #turns: PipeReader
  readonly #passes: PipeWriter
  readonly #order: PipeWriter
  readonly #results: PipeWriter
  readonly #token = new DataView(new ArrayBuffer(TOKEN_BYTES))
  readonly #header = new DataView(new ArrayBuffer(HEADER_BYTES))
  readonly #number = new Uint8Array(new Uint16Array(1).buffer)
  /** Whether it is the user's function that runs, or has thrown. */
  #making = false

  constructor(job: ChunksJob, make: ParallelFunction) {
    this.#job = job
    this.#make = make
    this.#input = PipeReader.from(job.input)
    this.#turns = PipeReader.from(job.turn.reader)
    this.#passes = PipeWriter.from(job.turn.writer)
    this.#order = PipeWriter.from(job.order)
    this.#results = PipeWriter.from(job.results)
    new DataView(this.#number.buffer).setUint16(0, job.thread)
  }

  async run(): Promise<void> {
    for (let chunk = new Uint8Array(this.#job.chunk); ; ) {
      const taken = this.#take(chunk)
      if (taken === null) return
      const result = await this.#result(chunk.subarray(0, taken.length), taken.index)
      this.#header.setFloat64(0, result.length)
      this.#results.writevSync([this.#header, result])
      // The function may have transferred its chunk to somebody else.
      if (chunk.length !== this.#job.chunk) chunk = new Uint8Array(this.#job.chunk)
    }
  }

  /** Takes the next chunk when it is this thread's turn. @returns null when there is none */
  #take(chunk: Uint8Array): { index: number; length: number } | null {
    if (this.#turns.readSync(this.#token) === null) return null
    const index = this.#token.getFloat64(0)
    const length = fill(this.#input, chunk)
    if (length === 0 && index > 0) {
      // tells the other threads and the merger: all chunks have been taken
      this.#passes.close()
      this.#order.close()
      return null
    }
    this.#order.writeSync(this.#number)
    this.#token.setFloat64(0, index + 1)
    this.#passes.writeSync(this.#token)
    return { index, length }
  }

  async #result(chunk: Uint8Array, index: number): Promise<Uint8Array> {
    this.#making = true
    const result = await this.#make(chunk, index, this.#job.data)
    if (!(result instanceof Uint8Array)) {
      throw new TypeError(`it must return a Uint8Array for chunk ${index}, not ${describe(result)}`)
    }
    this.#making = false
    return result
  }

  /** Nobody reads the results any more, or another of the threads has seen that and closed what they share. */
  isLeaving(error: unknown): boolean {
    return !this.#making && error instanceof PipeError && error.code === 'ERR_PIPE_CLOSED'
  }

  end(error?: Error): void {
    if (error === undefined) {
      this.#results.close()
      // The input is at its end; or it is not, but nobody reads the results: that is for the other threads, too.
      this.#passes.close()
      this.#input.close()
      return
    }
    for (const half of [this.#results, this.#order, this.#passes, this.#input]) half.abort(error)
  }
}

/** Fills a chunk, the last one as far as there is input. @returns bytes */
function fill(input: PipeReader, chunk: Uint8Array): number {
  let filled = 0
  while (filled < chunk.length) {
    const n = input.readSync(chunk.subarray(filled))
    if (n === null) break
    filled += n
  }
  return filled
}
