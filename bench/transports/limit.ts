import { inPieces } from './pieces.ts'
import { rest, rise } from './resting.ts'
import { CAPACITY, LARGE_CAPACITY, PASSING_CAPACITY } from './threadpipe.ts'
import type { Consume, Link, Transport } from './transport.ts'

/**
 * What a hand-over takes in JavaScript if it does nothing else: the protocol of `native/limits.c`, two threads that spin and copy through a shared window,
 * with the copies that threadpipe uses. No lock, no end, no errors, no sleep, one size. What threadpipe takes beyond that is its own.
 */

const WINDOW_BYTES = 256 * 1024
/** Sends of fewer bytes stay in their place of the window, as threadpipe's do. */
const ROTATING_BYTES = 16 * 1024
/** Some microseconds that the taking end of a buffer waits before it looks again after it has found little, so that the count does not go back and forth for each write. */
const REST_LOOPS = 16_000
const LITTLE_BYTES = 4096
const CHUNK_BYTES = 32 * 1024
/** Up to this many bytes a loop is fastest, and up to this many `set`; see `src/platform/node.ts`. */
const LOOP_BYTES = 12
const SET_BYTES = 256
/** Up to so many bytes a store into a ring claims the lines of those that follow, too, so many bytes at a time; see `src/buffered-write.ts`. */
const CLAIMING_BYTES = 256
const CLAIMED_BYTES = 512
const LINE_BYTES = 64

const { fill } = Buffer.prototype
const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT
const WINDOW_AT = 256
/**
 * Words, each in a cache line of its own: whether a sender is amid it, where there may be several; bytes put into the window and taken out of it since ever;
 * whether there is anything to spin for, or who sleeps.
 */
const [LOCK, FILLED, DRAINED, AWAKE] = [0, 16, 32, 48]
const [RECEIVER_SLEEPS, SENDER_SLEEPS] = [AWAKE, AWAKE + 1]

/** Both ends have the same memory, with so many bytes behind the words. It begins at the beginning of a cache line; see `src/platform/node.ts`. */
function linkOf(bytes: number): Link {
  const byteLength = WINDOW_AT + bytes
  const memory = new SharedArrayBuffer(byteLength, { maxByteLength: byteLength })
  return { sender: memory, receiver: memory }
}

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

/** How much longer a rest becomes after a look that came too soon, and how long at most, in turns of an empty loop. */
const [LOOPS_MORE, MAX_LOOPS] = [4, 400]

/** Looks for the other end as threadpipe does: first after a rest that ends as the answer comes, as a rule. */
class Looks {
  #loops = 0

  until(isThere: () => boolean, between: () => void): void {
    const loops = this.#loops
    for (let i = 0; i < loops; i += 1);
    if (isThere()) {
      if (loops > 0) this.#loops -= 1
      return
    }
    this.#loops = Math.min(loops + LOOPS_MORE, MAX_LOOPS)
    do between()
    while (!isThere())
  }
}

const atOnce = (): void => {}

export const limit: Transport = {
  name: 'the limit, in JavaScript',
  waits: 'taken',
  make: (size) => linkOf(size < ROTATING_BYTES ? size : WINDOW_BYTES),
  sender: (handle, size) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    const source = new Uint8Array(size)
    const parts = pieces(source, size)
    let filled = 0
    const looks = new Looks()
    const isTaken = (): boolean => Atomics.load(words, DRAINED) === filled
    return {
      begin: () => rise(words, AWAKE),
      send: (produce) => {
        produce(source)
        for (const part of parts) {
          while (((filled + part.length - Atomics.load(words, DRAINED)) | 0) > window.length);
          copy(window, filled & (window.length - 1), part)
          filled = (filled + part.length) | 0
          Atomics.store(words, FILLED, filled)
        }
        looks.until(isTaken, atOnce)
      },
      flush: () => rest(words, AWAKE),
    }
  },
  receive: (handle, size, consume) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    const target = new Uint8Array(size)
    const length = Math.min(size, CHUNK_BYTES)
    const parts = pieces(window, size)
    let drained = 0
    const looks = new Looks()
    const isOffered = (): boolean => Atomics.load(words, FILLED) !== drained
    const sleep = (): void => void Atomics.wait(words, AWAKE, 0)
    for (let at = 0; ; ) {
      looks.until(isOffered, sleep)
      copy(target, at, parts[(drained & (window.length - 1)) / length] as Uint8Array)
      drained = (drained + length) | 0
      Atomics.store(words, DRAINED, drained)
      at += length
      if (at < size) continue
      consume(target)
      at = 0
    }
  },
}

/** As a short store comes over a multiple of CLAIMED_BYTES: takes the cache lines up to the next one from the other core, as far as there is room. */
function claim(window: Buffer, position: number, size: number, room: number): void {
  const start = position + size
  if (size > CLAIMING_BYTES || ((position ^ start) & -CLAIMED_BYTES) === 0) return
  const end = Math.min((start + CLAIMED_BYTES) & -CLAIMED_BYTES, position + room, window.length)
  for (let at = (start + LINE_BYTES - 1) & -LINE_BYTES; at < end; at += LINE_BYTES) window[at] = 0
}

/** Puts bytes for which there is room into a ring, and counts them. */
type Store = (words: Int32Array, window: Buffer, source: Uint8Array) => void

const storeAlone: Store = (words, window, source) => {
  const stored = words[FILLED] as number
  copy(window, stored & (window.length - 1), source)
  Atomics.store(words, FILLED, (stored + source.length) | 0)
}

/** Where there may be several senders, and somebody may say by the same word that the end has come. */
const storeInTurn: Store = (words, window, source) => {
  while (Atomics.compareExchange(words, LOCK, 0, 1) !== 0);
  const stored = words[FILLED] as number
  copy(window, stored & (window.length - 1), source)
  Atomics.compareExchange(words, FILLED, stored, (stored + source.length) | 0)
  Atomics.compareExchange(words, LOCK, 1, 0)
}

/** The same with a buffer, for sends that it is a multiple of: what is left of a buffered write where nobody ever ends. */
function ringLimit(name: string, ringBytes: (size: number) => number, restLoops: number, store: Store): Transport {
  return {
    name,
    waits: 'stored',
    make: (size) => linkOf(ringBytes(size)),
    sender: (handle, size) => {
      const { words, window } = open(handle as SharedArrayBuffer)
      const source = new Uint8Array(size)
      let drained = 0
      const room = (): number => window.length - (((words[FILLED] as number) - drained) | 0)
      return {
        begin: () => rise(words, AWAKE),
        send: (produce) => {
          produce(source)
          while (room() < size) drained = Atomics.load(words, DRAINED)
          claim(window, (words[FILLED] as number) & (window.length - 1), size, room())
          store(words, window, source)
        },
        flush: () => {
          while (Atomics.load(words, DRAINED) !== words[FILLED]);
          rest(words, AWAKE)
        },
      }
    },
    receive: (handle, size, consume) => {
      const { words, window } = open(handle as SharedArrayBuffer)
      const ring = window.length
      const target = new Uint8Array(Math.max(size, CAPACITY))
      let drained = 0
      for (;;) {
        const stored = Atomics.load(words, FILLED)
        if (stored === drained) {
          Atomics.wait(words, AWAKE, 0)
          continue
        }
        const position = drained & (ring - 1)
        const n = Math.min((stored - drained) | 0, ring - position, target.length)
        copy(target, 0, window.subarray(position, position + n))
        drained = (drained + n) | 0
        Atomics.store(words, DRAINED, drained)
        consume(target.subarray(0, n))
        if (n <= LITTLE_BYTES) for (let i = 0; i < restLoops; i += 1);
      }
    },
  }
}

const small = (): number => CAPACITY
const large = (size: number): number => Math.max(4 * size, LARGE_CAPACITY)

export const bufferedLimit = ringLimit('the limit, in JavaScript, buffered', small, REST_LOOPS, storeAlone)
export const sharedLimit = ringLimit('the limit, in JavaScript, buffered, shared', small, REST_LOOPS, storeInTurn)

/** Who works meanwhile needs no rest. */
export const roomyLimit = ringLimit('the limit, in JavaScript, large buffer', large, 0, storeAlone)
export const roomySharedLimit = ringLimit('the limit, in JavaScript, large buffer, shared', large, 0, storeInTurn)

/** With no copy at all: bytes are produced in the ring, and consumed where they lie. */
export const inPlaceLimit: Transport = {
  name: 'the limit, in JavaScript, in place',
  waits: 'stored',
  make: (size) => linkOf(Math.max(4 * size, CAPACITY)),
  sender: (handle, size) => {
    const { words, places } = openPlaces(handle as SharedArrayBuffer, size)
    let stored = 0
    return {
      begin: () => rise(words, AWAKE),
      send: (produce) => {
        while (((stored - Atomics.load(words, DRAINED)) | 0) === places.length);
        produce(places[stored & (places.length - 1)] as Uint8Array)
        stored = (stored + 1) | 0
        Atomics.store(words, FILLED, stored)
      },
      flush: () => {
        while (Atomics.load(words, DRAINED) !== stored);
        rest(words, AWAKE)
      },
    }
  },
  receive: (handle, size, consume) => {
    const { words, places } = openPlaces(handle as SharedArrayBuffer, size)
    for (let drained = 0; ; ) {
      while (Atomics.load(words, FILLED) === drained) Atomics.wait(words, AWAKE, 0)
      consume(places[drained & (places.length - 1)] as Uint8Array)
      drained = (drained + 1) | 0
      Atomics.store(words, DRAINED, drained)
    }
  },
}

/** Here the words count sends, and each has its place. */
function openPlaces(memory: SharedArrayBuffer, size: number): { words: Int32Array; places: Uint8Array[] } {
  const { words } = open(memory)
  const length = (memory.byteLength - WINDOW_AT) / size
  return { words, places: Array.from({ length }, (_, i) => new Uint8Array(memory, WINDOW_AT + i * size, size)) }
}

/** Puts bytes into a ring, and sleeps while there is no room for all of them. */
function put(words: Int32Array, ring: Buffer, bytes: Uint8Array): void {
  const stored = words[FILLED] as number
  for (;;) {
    const drained = Atomics.load(words, DRAINED)
    if (((stored + bytes.length - drained) | 0) <= ring.length) break
    Atomics.store(words, SENDER_SLEEPS, 1)
    if (Atomics.load(words, DRAINED) === drained) Atomics.wait(words, SENDER_SLEEPS, 1)
  }
  const position = stored & (ring.length - 1)
  const beforeEnd = Math.min(bytes.length, ring.length - position)
  copy(ring, position, beforeEnd === bytes.length ? bytes : bytes.subarray(0, beforeEnd))
  if (beforeEnd < bytes.length) copy(ring, 0, bytes.subarray(beforeEnd))
  Atomics.store(words, FILLED, (stored + bytes.length) | 0)
  awaken(words, RECEIVER_SLEEPS)
}

/** Shows what comes where it lies, and sleeps while there is nothing. */
function show(words: Int32Array, ring: Buffer, consume: Consume): void {
  for (let drained = 0; ; ) {
    const stored = Atomics.load(words, FILLED)
    if (stored === drained) {
      Atomics.store(words, RECEIVER_SLEEPS, 1)
      if (Atomics.load(words, FILLED) === stored) Atomics.wait(words, RECEIVER_SLEEPS, 1)
      continue
    }
    const position = drained & (ring.length - 1)
    const n = Math.min((stored - drained) | 0, ring.length - position)
    consume(ring.subarray(position, position + n))
    drained = (drained + n) | 0
    Atomics.store(words, DRAINED, drained)
    awaken(words, SENDER_SLEEPS)
  }
}

/** Who sleeps does so on the word that says it: it is cleared by who wakes. */
function awaken(words: Int32Array, sleeps: number): void {
  if (Atomics.load(words, sleeps) === 0) return
  Atomics.store(words, sleeps, 0)
  Atomics.notify(words, sleeps)
}

/** For more threads than there are cores: a ring between each two, and who has nothing to do sleeps at once. */
export const sleepingLimit: Transport = {
  name: 'the limit, in JavaScript, sleeping',
  waits: 'stored',
  make: () => linkOf(PASSING_CAPACITY),
  sender: (handle, size) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    const source = new Uint8Array(size)
    return {
      send: (produce) => {
        produce(source)
        put(words, window, source)
      },
    }
  },
  receive: (handle, _, consume) => {
    const { words, window } = open(handle as SharedArrayBuffer)
    show(words, window, consume)
  },
  pass: (handle, onward, size) => {
    const from = open(handle as SharedArrayBuffer)
    const to = open(onward as SharedArrayBuffer)
    show(
      from.words,
      from.window,
      inPieces(size, (bytes) => put(to.words, to.window, bytes)),
    )
  },
}
