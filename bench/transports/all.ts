import {
  bufferedLimit,
  inPlaceLimit,
  limit,
  roomyLimit,
  roomySharedLimit,
  sharedLimit,
  sleepingLimit,
} from './limit.ts'
import { misaligned } from './misaligned.ts'
import { fifo, messagePort, messagePortTransfer, webStreams } from './others.ts'
import { ringbuf, syncMessagePort } from './packages.ts'
import {
  awaited,
  awaitedReader,
  awaitedWriter,
  blocking,
  buffered,
  inPlace,
  parking,
  passedInPlace,
  readInPlace,
  roomy,
  roomyAwaitedReader,
  writtenInPlace,
} from './threadpipe.ts'
import type { Transport } from './transport.ts'

export const TRANSPORTS: readonly Transport[] = [
  blocking,
  readInPlace,
  inPlace,
  writtenInPlace,
  awaited,
  awaitedReader,
  awaitedWriter,
  buffered,
  roomy,
  roomyAwaitedReader,
  passedInPlace,
  parking,
  misaligned,
  limit,
  bufferedLimit,
  sharedLimit,
  roomyLimit,
  roomySharedLimit,
  inPlaceLimit,
  sleepingLimit,
  messagePort,
  messagePortTransfer,
  webStreams,
  fifo,
  ringbuf,
  syncMessagePort,
]

export function transportNamed(name: string): Transport {
  const transport = TRANSPORTS.find((transport) => transport.name === name)
  if (transport === undefined) throw new RangeError(`there is no transport "${name}"`)
  return transport
}
