import { countBetween, PAD_AT, PAD_BYTES, storedCount } from './layout.ts'

/**
 * How much a buffered pipe holds: what lies between two counts, less a pad between them. One pad at most lies ahead of the reader, since a write
 * in place needs less than the capacity, and the ring is twice that.
 */
export function bytesHeld(words: Int32Array, drained: number, stored: number): number {
  const held = countBetween(drained, storedCount(stored))
  // Of those who call this, writers hold the lock and readers have acquired `filled`; others only want to know about where things are.
  const padBytes = words[PAD_BYTES] as number
  if (padBytes === 0) return held
  return bytesBeforePad(words, drained) < held ? held - padBytes : held
}

/** Bytes from a count up to the pad; far more than can be held if the pad lies behind. */
export function bytesBeforePad(words: Int32Array, drained: number): number {
  return countBetween(drained, words[PAD_AT] as number)
}
