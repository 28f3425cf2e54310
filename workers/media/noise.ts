/** White noise from -1 to 1, the same each time for the same seed: Marsaglia's xorshift. */
export function noise(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state * 2 ** -31
  }
}
