import { gzipSync } from 'node:zlib'

/** Of the levels of memory that zlib knows, the one with the smallest output for programs and texts alike. */
const MEMORY_LEVEL = 7

/** Makes a gzip member of each chunk: a file of many members decompresses to all of them, one after the other (RFC 1952). */
export default function gzip(chunk: Uint8Array): Uint8Array {
  return gzipSync(chunk, { memLevel: MEMORY_LEVEL })
}
