import { anonymousThread } from './anonymous.ts'
import { Beats } from './beats.ts'
import type { Platform } from './platform.ts'

/** Any runtime with SharedArrayBuffer, Atomics and timers: browsers. */

declare const navigator: { hardwareConcurrency?: number } | undefined

const beats = new Beats()

export const platform: Platform = {
  thread: anonymousThread(),

  system: undefined,
  hasExited: () => false,
  isThere: () => false,

  parallelism: typeof navigator === 'object' ? (navigator.hardwareConcurrency ?? 1) : 1,

  isCrowded: () => false,

  allocate: (bytes) => new SharedArrayBuffer(bytes),

  shared: (memory, offset, length) => new Uint8Array(memory, offset, length),

  isPlain: (view): view is Uint8Array => Object.getPrototypeOf(view) === Uint8Array.prototype,

  viewlessBytes: 0,

  copy(target, targetStart, source, sourceStart, length) {
    const whole = sourceStart === 0 && length === source.length
    target.set(whole ? source : source.subarray(sourceStart, sourceStart + length), targetStart)
  },

  holdLoop: (beat) => beats.add(beat),
  releaseLoop: (beat) => beats.delete(beat),

  afterTurn(callback) {
    setTimeout(callback, 0)
  },
}
