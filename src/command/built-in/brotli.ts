import { brotliDecompressSync, constants, createBrotliCompress } from 'node:zlib'
import { LAST, startOf, storedPiece } from './brotli-fragments.ts'

/** The best quality whose pieces can be put together: see `brotli-fragments`. And one whose pieces need no start, since it uses no last distances, either. */
const QUALITY = 3
const QUALITY_WITHOUT_START = 1
const WINDOW_BITS = 22
/** What stands before a piece while it is checked: as far as it goes, nothing of what will stand before it. */
const PREFIX = storedPiece(Buffer.from('what any other piece might end with'))

/** Makes a piece of a brotli stream of each chunk, the first with the stream's header. `brotli-end` ends the stream. */
export default async function brotli(chunk: Uint8Array, index: number): Promise<Uint8Array> {
  const { header, piece } = await compress(chunk)
  return index === 0 ? Buffer.concat([header, piece]) : piece
}

/** Compresses a piece, and sees that it decompresses to the same wherever it stands. */
async function compress(chunk: Uint8Array): Promise<{ header: Uint8Array; piece: Uint8Array }> {
  const start = startOf(chunk)
  if (start !== undefined) {
    const { header, body } = await encode(QUALITY, chunk.subarray(start.length))
    const piece = Buffer.concat([start.bytes, body])
    if (isIndependent(header, piece, chunk)) return { header, piece }
  }
  const { header, body } = await encode(QUALITY_WITHOUT_START, chunk)
  if (isIndependent(header, body, chunk)) return { header, piece: body }
  return { header, piece: storedPiece(chunk) }
}

function isIndependent(header: Uint8Array, piece: Uint8Array, chunk: Uint8Array): boolean {
  try {
    const whole = brotliDecompressSync(Buffer.concat([header, PREFIX, piece, LAST]))
    return whole.subarray(whole.length - chunk.length).equals(chunk)
  } catch {
    return false
  }
}

/** Runs an encoder. What comes out of a flush before the first byte is the header of the stream, and what comes after it is whole bytes, too. */
async function encode(quality: number, bytes: Uint8Array): Promise<{ header: Uint8Array; body: Uint8Array }> {
  const encoder = createBrotliCompress({
    params: {
      [constants.BROTLI_PARAM_QUALITY]: quality,
      [constants.BROTLI_PARAM_LGWIN]: WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  })
  try {
    const header = await flushed(encoder)
    encoder.write(bytes)
    return { header, body: await flushed(encoder) }
  } finally {
    encoder.destroy()
  }
}

function flushed(encoder: ReturnType<typeof createBrotliCompress>): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const collect = (part: Buffer): void => void parts.push(part)
    encoder.on('data', collect).once('error', reject)
    encoder.flush(() => {
      encoder.off('data', collect).off('error', reject)
      resolve(Buffer.concat(parts))
    })
  })
}
