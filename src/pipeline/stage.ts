import { PipeError } from '../errors.ts'
import { PipeReader } from '../reader.ts'
import { PipeWriter } from '../writer.ts'
import { loadFunction } from './modules.ts'
import type { StageFunction } from './parts.ts'
import type { StageJob, Work } from './seat.ts'

/** A `stage` in its thread. */
export async function runStage({ module, data, input: from, output: to }: StageJob): Promise<Work> {
  const run = await loadFunction<StageFunction>(module)
  const input = PipeReader.from(from)
  const output = PipeWriter.from(to)
  return {
    run: () => run({ input, output, data }),
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
    isLeaving: (error) => isUnread(error, output),
  }
}

/** Whether an error says that nobody reads a pipe any more; that the writer was closed is another thing. */
export function isUnread(error: unknown, output: PipeWriter): boolean {
  if (!(error instanceof PipeError) || error.code !== 'ERR_PIPE_CLOSED') return false
  const { readerClosed, writerClosed } = output.stats()
  return readerClosed && !writerClosed
}
