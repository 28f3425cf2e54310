import { type PipeHandle, PipeReader, PipeWriter, readFullSync } from 'threadpipe'
import { FIELD_BYTES, lightField, PICTURE_BYTES } from './frames.ts'
import { type Knobs, workExtra } from './knobs.ts'

export interface LightTask {
  input: PipeHandle
  output: PipeHandle
  knobs: Knobs
}

/** A Worker between two pipes: it makes a picture of each field. Whatever ends one pipe, ends the other. */
self.onmessage = ({ data }: MessageEvent<LightTask>) => {
  const reader = PipeReader.from(data.input)
  const writer = PipeWriter.from(data.output)
  const bytes = new Uint8Array(FIELD_BYTES)
  const field = new Uint16Array(bytes.buffer)
  try {
    while (readFullSync(reader, bytes) !== null) {
      writer.writeInPlaceSync(PICTURE_BYTES, (picture) => {
        lightField(picture, field)
        workExtra(data.knobs, 'light')
      })
    }
    writer.close()
  } catch (error) {
    writer.closeWithError(error as Error)
    reader.closeWithError(error as Error)
  }
}
