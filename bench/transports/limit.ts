import type { Transport } from './transport.ts'

/**
 * What a hand-over takes in JavaScript if it does nothing else: the protocol of `native/limits.c`, two threads that spin and copy through a shared window,
 * with the copies that threadpipe uses. No lock, no end, no errors, no sleep, one size. What threadpipe takes beyond that is its own.
 */

const WINDOW_BYTES = 256 * 1024
const CHUNK_BYTES = 32 * 1024
/** Up to this many bytes a loop is fastest, and up to this many `set`; see `src/platform/node.ts`. */
const LOOP_BYTES = 12
const SET_BYTES = 256

const { fill } = Buffer.prototype
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT
const WINDOW_AT = 256
/** Words, each in a cache line of its own: bytes put into the window and taken out of it since ever; and whether there is anything to spin for. */
const [FILLED, DRAINED, AWAKE] = [16, 32, 48]

function open(memory: SharedArrayBuffer): { words: Int32Array; window: Buffer } {
  return { words: new Int32Array(memory, 0, WINDOW_AT / WORD_BYTES), window: Buffer.from(memory, WINDOW_AT) }
}

/** The pieces that bytes go over in: made once, for views cost more than short copies. */
function pieces(bytes: Uint8Array, size: number): Uint8Array[] {
  const length = Math.min(size, CHUNK_BYTES)
  return Array.from({ length: bytes.length / length }, (_, i) => bytes.subarray(i * length, (i + 1) * length))
}

function copy(target: Uint8Array, at: number, source: Uint8Array): void {
  const { length } = source
  if (length <= LOOP_BYTES) for (let i = 0; i < length; i += 1) target[at + i] = source[i] as number
  else if (length <= SET_BYTES) target.set(source, at)
  else fill.call(target, source, at, at + length)
}

export const limit: Transport = {
  name: 'the limit, in JavaScript',
  waits: 'taken',
  make: () => {
    const memory = new SharedArrayBuffer(WINDOW_AT + WINDOW_BYTES)
    return { sender: memory, receiver: memory }
  },
  sender: (handle, size) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    const source = new Uint8Array(size)
    const parts = pieces(source, size)
    let filled = 0
    return {
      begin: () => {
        Atomics.store(words, AWAKE, 1)
        Atomics.notify(words, AWAKE)
      },
      send: (produce) => {
        produce(source)
        for (const part of parts) {
          while (((filled + part.length - Atomics.load(words, DRAINED)) | 0) > WINDOW_BYTES);
          copy(window, filled & (WINDOW_BYTES - 1), part)
          filled = (filled + part.length) | 0
          Atomics.store(words, FILLED, filled)
        }
        while (Atomics.load(words, DRAINED) !== filled);
      },
      flush: () => {
        Atomics.store(words, AWAKE, 0)
      },
    }
  },
  receive: (handle, size, consume) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    const target = new Uint8Array(size)
    const length = Math.min(size, CHUNK_BYTES)
    const parts = pieces(window, size)
    let drained = 0
    for (let at = 0; ; ) {
      while (Atomics.load(words, FILLED) === drained) Atomics.wait(words, AWAKE, 0)
      copy(target, at, parts[(drained & (WINDOW_BYTES - 1)) / length] as Uint8Array)
      drained = (drained + length) | 0
      Atomics.store(words, DRAINED, drained)
      at += length
      if (at < size) continue
      consume(target)
      at = 0
    }
  },
}
