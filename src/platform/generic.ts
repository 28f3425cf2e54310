import { Beats } from './beats.ts'
import type { Platform } from './platform.ts'

/** Any runtime with SharedArrayBuffer, Atomics and timers: browsers, Deno, Bun. */

declare const navigator: { hardwareConcurrency?: number } | undefined

const IDENTITY_BITS = 28

const beats = new Beats()

export const platform: Platform = {
  // Threads have no number of their own here; a random one clashes once in 2^28 pairs, and then costs a wrong ERR_PIPE_DEADLOCK.
  thread: 1 + ((crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % (2 ** IDENTITY_BITS - 1)),

  system: undefined,
  hasExited: () => false,

  parallelism: typeof navigator === 'object' ? (navigator.hardwareConcurrency ?? 1) : 1,

  isCrowded: () => false,

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
