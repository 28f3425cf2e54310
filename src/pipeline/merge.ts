import { PipeReader, PipeWriter, readFullSync } from '../core.ts'
import { HEADER_BYTES, THREAD_BYTES } from './chunks.ts'
import type { MergeJob, Work } from './seat.ts'
import { isUnread } from './stage.ts'

/** Puts the results of the threads of a `parallel` together, in the order of their chunks: see `chunks`. */
export function mergeResults(job: MergeJob): Work {
  const order = PipeReader.from(job.order)
  const results = job.results.map((handle) => PipeReader.from(handle))
  const output = PipeWriter.from(job.output)
  return {
    run() {
      const number = new DataView(new ArrayBuffer(THREAD_BYTES))
      const header = new DataView(new ArrayBuffer(HEADER_BYTES))
      while (order.readSync(number) !== null) {
        const reader = results[number.getUint16(0)] as PipeReader
        if (readFullSync(reader, new Uint8Array(header.buffer)) === null) throw missing()
        copyExactly(output, reader, header.getFloat64(0))
      }
    },
    end(error) {
      if (error === undefined) output.close()
      else output.closeWithError(error)
      for (const reader of [order, ...results]) {
        if (error === undefined) reader.close()
        else reader.abort(error)
      }
    },
    isLeaving: (error) => isUnread(error, output),
  }
}

/** Copies from shared memory to shared memory. */
function copyExactly(output: PipeWriter, reader: PipeReader, length: number): void {
  for (let left = length; left > 0; ) {
    const n = reader.readInPlaceSync((bytes) => output.writeSync(bytes.subarray(0, left)))
    if (n === null) throw missing()
    left -= n
  }
}

function missing(): Error {
  return new Error('a thread ended before it gave the result of a chunk that it had taken')
}
