import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads'
import { inPieces } from './pieces.ts'
import type { Sender, Transport } from './transport.ts'

/** What else there is in Node to get bytes from thread to thread. */

function channel() {
  const { port1, port2 } = new MessageChannel()
  return { sender: port1, receiver: port2, transfer: [port1, port2] as Transferable[] }
}

/** Sends a message, and awaits the answer that it was taken. */
function acknowledged(port: MessagePort, post: (bytes: Uint8Array) => void, size: number, fresh: boolean): Sender {
  const source = new Uint8Array(size)
  let taken: () => void = () => {}
  port.on('message', () => taken())
  return {
    send: (produce) => {
      const bytes = fresh ? new Uint8Array(size) : source
      produce(bytes)
      return new Promise((resolve) => {
        taken = resolve
        post(bytes)
      })
    },
  }
}

function answering(port: MessagePort, consume: (bytes: Uint8Array) => void): Promise<void> {
  return new Promise((resolve) => {
    port.on('message', (bytes: Uint8Array) => {
      consume(bytes)
      port.postMessage(null)
    })
    port.on('close', resolve)
  })
}

export const messagePort: Transport = {
  name: 'MessagePort, copied',
  waits: 'taken',
  make: channel,
  sender: (port, size) => {
    const to = port as MessagePort
    return acknowledged(to, (bytes) => to.postMessage(bytes), size, false)
  },
  receive: (port, _, consume) => answering(port as MessagePort, consume),
}

export const messagePortTransfer: Transport = {
  name: 'MessagePort, transferred',
  waits: 'taken',
  make: channel,
  sender: (port, size) => {
    const to = port as MessagePort
    return acknowledged(to, (bytes) => to.postMessage(bytes, [bytes.buffer as ArrayBuffer]), size, true)
  },
  receive: (port, _, consume) => answering(port as MessagePort, consume),
}

export const webStreams: Transport = {
  name: 'web streams, transferred',
  waits: 'stored',
  make: () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    return { sender: writable, receiver: readable, transfer: [writable, readable] as unknown as Transferable[] }
  },
  sender: (writable, size) => {
    const writer = (writable as WritableStream<Uint8Array>).getWriter()
    return {
      send: async (produce) => {
        const bytes = new Uint8Array(size)
        produce(bytes)
        await writer.write(bytes)
      },
    }
  },
  receive: async (readable, _, consume) => {
    for await (const bytes of readable as ReadableStream<Uint8Array>) consume(bytes)
  },
}

const FIFO_BYTES = 64 * 1024

export const fifo: Transport = {
  name: 'kernel FIFO',
  waits: 'stored',
  make: () => {
    const folder = mkdtempSync(join(tmpdir(), 'threadpipe-bench-'))
    const path = join(folder, 'fifo')
    const { status, stderr } = spawnSync('mkfifo', [path], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`mkfifo: ${stderr}`)
    return { sender: path, receiver: path, remove: () => rmSync(folder, { recursive: true }) }
  },
  sender: (path, size) => {
    const fd = openSync(path as string, 'w')
    const source = new Uint8Array(size)
    return {
      send: (produce) => {
        produce(source)
        writeAll(fd, source)
      },
    }
  },
  receive: (path, size, consume) => {
    const fd = openSync(path as string, 'r')
    const target = new Uint8Array(Math.max(size, FIFO_BYTES))
    for (;;) {
      const n = readSync(fd, target, 0, target.length, null)
      if (n === 0) break
      consume(target.subarray(0, n))
    }
    closeSync(fd)
  },
  pass: (path, onward, size) => {
    const fd = openSync(onward as string, 'w')
    fifo.receive(
      path,
      size,
      inPieces(size, (bytes) => writeAll(fd, bytes)),
    )
  },
}

function writeAll(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at)
}
