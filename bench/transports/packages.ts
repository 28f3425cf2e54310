import type { MessagePort, Transferable } from 'node:worker_threads'
import { RingBuffer } from 'ringbuf.js'
import { SyncMessagePort } from 'sync-message-port'
import { rest, rise } from './resting.ts'
import { CAPACITY } from './threadpipe.ts'
import type { Transport } from './transport.ts'

/** Packages that do something alike. */

/** Spins at both ends, since it has no waiting of its own; so the receiver spins between the rounds too, unless it is told to sleep. */
export const ringbuf: Transport = {
  name: 'ringbuf.js',
  waits: 'stored',
  make: () => {
    const ring = RingBuffer.getStorageForCapacity(CAPACITY, Uint8Array as never)
    const awake = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    return { sender: { ring, awake }, receiver: { ring, awake } }
  },
  sender: (handle, size) => {
    const { ring, awake } = handle as RingHandle
    const buffer = new RingBuffer(ring, Uint8Array as never)
    const words = new Int32Array(awake)
    const source = new Uint8Array(size)
    return {
      begin: () => rise(words, 0),
      send: (produce) => {
        produce(source)
        for (let at = 0; at < size; ) at += buffer.push(source, size - at, at)
      },
      flush: () => {
        while (!buffer.empty());
        rest(words, 0)
      },
    }
  },
  receive: (handle, size, consume) => {
    const { ring, awake } = handle as RingHandle
    const buffer = new RingBuffer(ring, Uint8Array as never)
    const words = new Int32Array(awake)
    const target = new Uint8Array(Math.max(size, CAPACITY))
    for (;;) {
      const n = buffer.pop(target, target.length, 0)
      if (n > 0) consume(target.subarray(0, n))
      else Atomics.wait(words, 0, 0)
    }
  },
}

interface RingHandle {
  ring: SharedArrayBuffer
  awake: SharedArrayBuffer
}

export const syncMessagePort: Transport = {
  name: 'sync-message-port',
  waits: 'taken',
  make: () => {
    const { port1, port2 } = SyncMessagePort.createChannel()
    return { sender: port1, receiver: port2, transfer: [port1, port2] as Transferable[] }
  },
  sender: (handle, size) => {
    const port = new SyncMessagePort(handle as MessagePort)
    const source = new Uint8Array(size)
    return {
      send: (produce) => {
        produce(source)
        port.postMessage(source)
        port.receiveMessage()
      },
    }
  },
  receive: (handle, _, consume) => {
    const port = new SyncMessagePort(handle as MessagePort)
    for (;;) {
      consume(port.receiveMessage() as Uint8Array)
      port.postMessage(null)
    }
  },
}
