import { isError, PipeError, PipeReader, PipeWriter } from '../core.ts'
import { tellsOfDeath } from './errors.ts'
import { loadFunction } from './modules.ts'
import type { StageFunction } from './parts.ts'
import type { StageJob, Work } from './seat.ts'

/** A `stage` in its thread. @param claim says that the stage has failed, before others can hear of it */
export async function runStage({ module, data, input: from, output: to }: StageJob, claim: () => void): Promise<Work> {
  const run = await loadFunction<StageFunction>(module)
  const input = PipeReader.from(from)
  const output = PipeWriter.from(to)
  const ends = new StageEnds(input, output, claim)
  return {
    async run() {
      try {
        const value = await run({ input, output, data })
        if (ends.failure === undefined) return value
      } catch (error) {
        throw ends.failure ?? error
      }
      throw ends.failure
    },
    end(error) {
      if (error === undefined) {
        output.close()
        input.close()
      } else {
        // Both ways, and before anything that is still stored in the pipes.
        output.abort(error)
        input.abort(error)
      }
    },
    isLeaving: (error) => ends.saysUnread(error),
  }
}

/**
 * How a stage ends its pipes by itself. To do so with an error is to fail; but not if the error is that nobody reads the output any more: that often
 * ends the pipes in a `catch`, and is seen from the outside once they are closed on both sides.
 */
class StageEnds {
  readonly #output: PipeWriter
  readonly #claim: () => void
  /** Whether the reader of the output had closed it before the stage did; undefined until the stage does. */
  #unread: boolean | undefined
  failure: Error | undefined

  constructor(input: PipeReader, output: PipeWriter, claim: () => void) {
    this.#output = output
    this.#claim = claim
    before(output, (error, end) => {
      const { readerClosed, writerClosed } = output.stats()
      this.#unread ??= readerClosed
      // A second end changes nothing.
      if (end === 'abort' || !writerClosed) this.#note(error)
    })
    before(input, (error, end) => {
      if (end === 'abort' || !input.stats().readerClosed) this.#note(error)
    })
  }

  /** Whether an error is that nobody reads the output any more. That the stage has closed it itself is another thing. */
  saysUnread(error: unknown): boolean {
    return isClosed(error) && (this.#unread ?? this.#output.stats().readerClosed)
  }

  #note(error: unknown): void {
    if (this.failure !== undefined || !isError(error) || this.saysUnread(error) || tellsOfDeath(error)) return
    this.failure = error
    this.#claim()
  }
}

type End = 'close' | 'closeWithError' | 'abort'

/** Calls `note` before a half is ended in its thread. The half's own properties stay what they are. */
function before(half: PipeReader | PipeWriter, note: (error: unknown, end: End) => void): void {
  for (const name of ['close', 'closeWithError', 'abort'] as const) {
    const end = half[name].bind(half) as (error?: Error) => void
    const value = (error?: Error): void => {
      note(error, name)
      end(error as Error)
    }
    Object.defineProperty(half, name, { value })
  }
}

/** Whether an error says that nobody reads a pipe any more; for a thread that never closes it before. */
export function isUnread(error: unknown, output: PipeWriter): boolean {
  return isClosed(error) && output.stats().readerClosed
}

function isClosed(error: unknown): boolean {
  return error instanceof PipeError && error.code === 'ERR_PIPE_CLOSED'
}
