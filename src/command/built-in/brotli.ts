import { brotliCompressSync } from 'node:zlib'
export default function brotli(chunk: Uint8Array): Uint8Array {
  return brotliCompressSync(chunk)
}
