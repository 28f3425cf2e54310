import type { Consume } from './transport.ts'

/** Gives on what comes in pieces of `size` bytes, as it was sent: of a buffer more may come at once. */
export function inPieces(size: number, give: Consume): Consume {
  return (bytes) => {
    if (bytes.length <= size) {
      give(bytes)
      return
    }
    for (let at = 0; at < bytes.length; at += size) give(bytes.subarray(at, at + size))
  }
}
