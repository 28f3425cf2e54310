import { gzipSync } from 'node:zlib'

/** Makes a gzip member of each chunk: a file of many members decompresses to all of them, one after the other (RFC 1952). */
export default function gzip(chunk: Uint8Array): Uint8Array {
  return gzipSync(chunk)
}
