import { Buffer } from 'node:buffer'
import { availableParallelism } from 'node:os'
import { threadId } from 'node:worker_threads'
import type { Platform } from './platform.ts'

/** Below this many bytes a plain loop beats the call into C++. */
const LOOP_BYTES = 48
/** Far enough apart that the timer never matters; it is held only to keep the loop alive. */
const LONG_MS = 0x7fff_ffff

/**
 * `TypedArray.prototype.set` copies shared memory word by word, and byte by byte when source and target are aligned
 * differently: 2 to 30 times slower than memcpy. `Buffer.prototype.fill` with a pattern as long as the range **is** one memcpy.
 */
const fill = Buffer.prototype.fill as unknown as {
  call(target: Uint8Array, pattern: Uint8Array, start: number, end: number): void
}

let holders = 0
let timer: NodeJS.Timeout | undefined

export const platform: Platform = {
  thread: threadId + 1,

  parallelism: availableParallelism(),

  shared: (memory, offset, length) => Buffer.from(memory, offset, length),

  isPlain(view): view is Uint8Array {
    const prototype = Object.getPrototypeOf(view)
    return prototype === Uint8Array.prototype || prototype === Buffer.prototype
  },

  loopBytes: LOOP_BYTES,

  copy(target, targetStart, source, sourceStart, length) {
    if (length <= LOOP_BYTES) {
      for (let i = 0; i < length; i += 1) target[targetStart + i] = source[sourceStart + i] as number
      return
    }
    const whole = sourceStart === 0 && length === source.length
    const pattern = whole ? source : source.subarray(sourceStart, sourceStart + length)
    fill.call(target, pattern, targetStart, targetStart + length)
  },

  holdLoop() {
    holders += 1
    if (holders > 1) return
    timer ??= setInterval(() => {}, LONG_MS)
    timer.ref()
  },

  releaseLoop() {
    holders -= 1
    if (holders === 0) timer?.unref()
  },

  afterTurn(callback) {
    setImmediate(callback)
  },
}
