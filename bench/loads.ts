/** Work for both ends of a pipe, which no compiler can do away with: each byte depends on the one before it. */

// All in 32 bits: where a number may outgrow them the compiler calculates in floating point, four times as slowly.

export function fill(bytes: Uint8Array, seed: number): number {
  const { length } = bytes
  let state = seed | 0
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[i] = state >>> 24
  }
  return state
}

export function hash(bytes: Uint8Array, seed: number): number {
  const { length } = bytes
  let state = seed | 0
  for (let i = 0; i < length; i += 1) state = (Math.imul(state, 31) + (bytes[i] as number)) | 0
  return state
}

export function producer(): (bytes: Uint8Array) => void {
  let seed = 1
  return (bytes) => {
    seed = fill(bytes, seed)
  }
}

export function consumer(): (bytes: Uint8Array) => void {
  let state = 0
  return (bytes) => {
    state = hash(bytes, state)
  }
}

/** Long enough for the compiler to have done what it will, in ms. */
const WARM_UP_MS = 200
const LENGTH = 64

/** Works until the compiler has seen enough: else the first thing measured is how long that takes. */
export function warmUp(): void {
  const [produce, consume] = [producer(), consumer()]
  // Both kinds of memory that the work will be done in; and many short calls: a long one is compiled amid its loop, from what that has seen by then.
  const places = [new Uint8Array(LENGTH), new Uint8Array(new SharedArrayBuffer(LENGTH))]
  for (const endMs = performance.now() + WARM_UP_MS; performance.now() < endMs; ) {
    for (const bytes of places) {
      produce(bytes)
      consume(bytes)
    }
  }
}
