/** Work for both ends of a pipe, which no compiler can do away with: each byte depends on the one before it. */

export function fill(bytes: Uint8Array, seed: number): number {
  let state = seed
  for (let i = 0; i < bytes.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    bytes[i] = state >>> 24
  }
  return state
}

export function hash(bytes: Uint8Array, seed: number): number {
  let state = seed
  for (let i = 0; i < bytes.length; i += 1) state = (((state << 5) - state) | 0) + (bytes[i] as number)
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
