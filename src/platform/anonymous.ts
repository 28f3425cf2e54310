const IDENTITY_BITS = 28

/** A number for a thread that has none of its own: a random one clashes once in 2^28 pairs, and then costs a wrong ERR_PIPE_DEADLOCK. */
export function anonymousThread(): number {
  return 1 + ((crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) % (2 ** IDENTITY_BITS - 1))
}
