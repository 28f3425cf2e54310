import { type PipeHandle, PipeReader, PipeWriter } from 'threadpipe'
import { blocking } from './threadpipe.ts'
import type { Transport } from './transport.ts'

/** Sources and targets that begin at odd places, each at another one: copies that go word by word are slow there. */

const SOURCE_OFFSET = 1
const TARGET_OFFSET = 3

export const misaligned: Transport = {
  ...blocking,
  name: 'threadpipe, misaligned',
  sender: (handle, size) => {
    const writer = PipeWriter.from(handle as PipeHandle)
    const source = new Uint8Array(size + SOURCE_OFFSET).subarray(SOURCE_OFFSET)
    return {
      send: (produce) => {
        produce(source)
        writer.writeSync(source)
      },
    }
  },
  receive: (handle, size, consume) => {
    const reader = PipeReader.from(handle as PipeHandle)
    const target = new Uint8Array(size + TARGET_OFFSET).subarray(TARGET_OFFSET)
    while (reader.readSync(target) !== null) consume(target)
  },
}
