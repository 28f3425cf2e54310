import { type PipeHandle, PipeWriter } from 'threadpipe'
import { FIELD_BYTES, fillField } from './frames.ts'
import { type Knobs, workExtra } from './knobs.ts'

export interface SourceTask {
  output: PipeHandle
  knobs: Knobs
  /** How many frames to make. */
  frames: number
}

/** A Worker that makes fields, in place: each lies in the shared memory from the start, and the Worker blocks until it has been read. */
self.onmessage = ({ data }: MessageEvent<SourceTask>) => {
  const writer = PipeWriter.from(data.output)
  try {
    for (let frame = 0; frame < data.frames; frame += 1) {
      writer.writeInPlaceSync(FIELD_BYTES, ({ buffer, byteOffset }) => {
        fillField(new Uint16Array(buffer, byteOffset, FIELD_BYTES / Uint16Array.BYTES_PER_ELEMENT), frame)
        workExtra(data.knobs, 'source')
      })
    }
    writer.close()
  } catch (error) {
    writer.closeWithError(error as Error)
  }
}
