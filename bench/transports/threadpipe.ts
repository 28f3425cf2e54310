import { type PipeHandle, type PipeOptions, PipeReader, PipeWriter, pipe } from 'threadpipe'
import { inPieces } from './pieces.ts'
import type { Consume, Link, Produce, Sender, Transport } from './transport.ts'

/** threadpipe, in the ways it can be used. */

const DEFAULT_WINDOW = 256 * 1024
export const CAPACITY = 64 * 1024
export const LARGE_CAPACITY = 4 * CAPACITY
/** What somebody sets who has more threads than cores: each turn moves as much. */
export const PASSING_CAPACITY = 2 * 1024 * 1024

function linkBy(options?: PipeOptions): Link {
  const { reader, writer } = pipe(options)
  return { sender: handleOf(writer), receiver: handleOf(reader) }
}

const rendezvous = (): Link => linkBy()

export function handleOf({ memory, half }: PipeHandle): PipeHandle {
  return { memory, half }
}

function blockingSender(handle: unknown, size: number): Sender {
  const writer = PipeWriter.from(handle as PipeHandle)
  const source = new Uint8Array(size)
  return {
    send: (produce: Produce) => {
      produce(source)
      writer.writeSync(source)
    },
  }
}

function blockingReceive(handle: unknown, size: number, consume: Consume): void {
  const reader = PipeReader.from(handle as PipeHandle)
  const target = new Uint8Array(size)
  for (;;) {
    const n = reader.readSync(target)
    if (n === null) return
    consume(n === size ? target : target.subarray(0, n))
  }
}

/** Writes what comes onward, in sends of `size` bytes. */
function writingTo(onward: unknown, size: number): Consume {
  const writer = PipeWriter.from(onward as PipeHandle)
  return inPieces(size, (bytes) => writer.writeSync(bytes))
}

export const blocking: Transport = {
  name: 'threadpipe',
  waits: 'taken',
  make: rendezvous,
  sender: blockingSender,
  receive: blockingReceive,
  pass: (handle, onward, size) => blockingReceive(handle, size, writingTo(onward, size)),
}

/** Without spinning. */
export const parking: Transport = { ...blocking, name: 'threadpipe, parking at once', entry: 'parking-side' }

export const readInPlace: Transport = {
  name: 'threadpipe, read in place',
  waits: 'taken',
  make: rendezvous,
  sender: blockingSender,
  receive: (handle, _, consume) => {
    const reader = PipeReader.from(handle as PipeHandle)
    const use = (bytes: Uint8Array): number => {
      consume(bytes)
      return bytes.length
    }
    while (reader.readInPlaceSync(use) !== null);
  },
}

export const writtenInPlace: Transport = {
  name: 'threadpipe, written in place',
  waits: 'taken',
  make: (size) => linkBy({ window: Math.max(size, DEFAULT_WINDOW) }),
  sender: (handle, size) => {
    const writer = PipeWriter.from(handle as PipeHandle)
    return {
      send: (produce) => {
        writer.writeInPlaceSync(size, (bytes) => {
          produce(bytes)
          return size
        })
      },
    }
  },
  receive: blockingReceive,
}

/** In place at both ends. Only with a buffer: a writer that waits for the bytes to be taken waits for all that is done with them. */
export const inPlace: Transport = {
  name: 'threadpipe, buffered, in place',
  waits: 'stored',
  make: (size) => linkBy({ capacity: Math.max(4 * size, CAPACITY) }),
  sender: writtenInPlace.sender,
  receive: readInPlace.receive,
}

/** A thread between two pipes that writes what it reads from where it lies: one copy for each of the pipes. */
export const passedInPlace: Transport = {
  name: 'threadpipe, large buffer, passed on in place',
  waits: 'stored',
  make: () => linkBy({ capacity: PASSING_CAPACITY }),
  sender: blockingSender,
  receive: readInPlace.receive,
  pass: (handle, onward, size) => void readInPlace.receive(handle, size, writingTo(onward, size)),
}

function awaitedSender(handle: unknown, size: number): Sender {
  const writer = PipeWriter.from(handle as PipeHandle)
  const source = new Uint8Array(size)
  return {
    send: async (produce) => {
      produce(source)
      await writer.write(source)
    },
  }
}

async function awaitedReceive(handle: unknown, size: number, consume: Consume): Promise<void> {
  const reader = PipeReader.from(handle as PipeHandle)
  const target = new Uint8Array(size)
  for (;;) {
    const n = await reader.read(target)
    if (n === null) return
    consume(n === size ? target : target.subarray(0, n))
  }
}

export const awaited: Transport = {
  name: 'threadpipe, both await',
  waits: 'taken',
  make: rendezvous,
  sender: awaitedSender,
  receive: awaitedReceive,
}

export const awaitedReader: Transport = {
  name: 'threadpipe, the reader awaits',
  waits: 'taken',
  make: rendezvous,
  sender: blockingSender,
  receive: awaitedReceive,
}

export const awaitedWriter: Transport = {
  name: 'threadpipe, the writer awaits',
  waits: 'taken',
  make: rendezvous,
  sender: awaitedSender,
  receive: blockingReceive,
}

export const buffered: Transport = {
  name: 'threadpipe, buffered',
  waits: 'stored',
  make: () => linkBy({ capacity: CAPACITY }),
  sender: blockingSender,
  // Takes what is there, not only as much as one write.
  receive: (handle, size, consume) => blockingReceive(handle, Math.max(size, CAPACITY), consume),
  pass: (handle, onward, size) => blockingReceive(handle, Math.max(size, CAPACITY), writingTo(onward, size)),
}

/** With room for several sends of any size: what somebody sets whose threads shall not wait for each other. */
export const roomy: Transport = {
  ...buffered,
  name: 'threadpipe, large buffer',
  make: (size) => linkBy({ capacity: Math.max(4 * size, LARGE_CAPACITY) }),
}

export const roomyAwaitedReader: Transport = {
  ...roomy,
  name: 'threadpipe, large buffer, the reader awaits',
  receive: (handle, size, consume) => awaitedReceive(handle, Math.max(size, CAPACITY), consume),
}
