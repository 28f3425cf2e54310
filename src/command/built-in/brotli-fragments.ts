/**
 * Pieces of a brotli stream (RFC 7932) that are made independently of each other, and can be put one after the other. Three things of a stream reach over
 * its whole length, and a piece must not depend on them:
 *
 * - *the last four distances*, which codes may refer to. An encoder takes them for 4, 11, 15 and 16 at its start. So each piece begins with four copies of two bytes
 *   from just these distances, oldest first: somewhere in the first bytes there are such repetitions. What lies between is stored as it is.
 * - *the position*: where a distance reaches back further than that, it means a word of the static dictionary. Encoders of low quality do not use it.
 * - *the two last bytes*, as the context of literals. Encoders of low quality do not use that, either.
 *
 * Pieces are whole bytes, since each ends with a flush. The header of the stream comes first, and `LAST` last.
 */

/** How an encoder's last four distances begin, oldest first. */
const DISTANCES = [16, 15, 11, 4] as const
/** The code of each in a meta-block with NPOSTFIX = 0 and NDIRECT = 0, and its extra bits (section 4). */
const DISTANCE_CODES = {
  16: { code: 20, extra: 3, extraBits: 3 },
  15: { code: 20, extra: 2, extraBits: 3 },
  11: { code: 19, extra: 2, extraBits: 2 },
  4: { code: 17, extra: 1, extraBits: 1 },
} as const
const COPY_BYTES = 2
/** The insert-and-copy code for no literals and a copy of two bytes, whose distance is given (section 5). */
const COPY_CODE = 128
/** A meta-block holds at most so many bytes. */
const MAX_BLOCK_BYTES = 2 ** 24
/** How far into a piece the four copies may lie: what lies between them is not compressed. */
const MAX_START_BYTES = 64 * 1024

/** The end of a stream: an empty last meta-block. */
export const LAST = Uint8Array.of(0b11)

/** A start of a piece that makes the last four distances what an encoder expects. */
export interface Start {
  /** How many bytes of the piece are in it. */
  readonly length: number
  readonly bytes: Uint8Array
}

/** @returns undefined if the piece has no such repetitions */
export function startOf(piece: Uint8Array): Start | undefined {
  const bits = new BitWriter()
  let at = 0
  for (const distance of DISTANCES) {
    const copy = repetition(piece, Math.max(at, distance), distance)
    if (copy === undefined) return undefined
    writeStored(bits, piece.subarray(at, copy))
    writeCopy(bits, distance)
    at = copy + COPY_BYTES
  }
  writePadding(bits)
  return { length: at, bytes: bits.bytes() }
}

/** A piece that is not compressed: what depends on nothing, and changes nothing. */
export function storedPiece(piece: Uint8Array): Uint8Array {
  const bits = new BitWriter()
  writeStored(bits, piece)
  return bits.bytes()
}

function repetition(piece: Uint8Array, from: number, distance: number): number | undefined {
  const end = Math.min(piece.length, MAX_START_BYTES) - COPY_BYTES
  for (let at = from; at <= end; at += 1) {
    if (piece[at] === piece[at - distance] && piece[at + 1] === piece[at + 1 - distance]) return at
  }
  return undefined
}

/** Uncompressed meta-blocks (section 9.2). */
function writeStored(bits: BitWriter, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += MAX_BLOCK_BYTES) {
    const block = bytes.subarray(at, at + MAX_BLOCK_BYTES)
    writeLength(bits, block.length)
    bits.write(1, 1) // ISUNCOMPRESSED
    bits.align()
    bits.append(block)
  }
}

/** A meta-block of one command: copy two bytes from `distance` back. Each of its prefix codes has one symbol, which takes no bits. */
function writeCopy(bits: BitWriter, distance: keyof typeof DISTANCE_CODES): void {
  const { code, extra, extraBits } = DISTANCE_CODES[distance]
  writeLength(bits, COPY_BYTES)
  bits.write(0, 1) // ISUNCOMPRESSED
  bits.write(0, 3) // one block type each for literals, commands and distances
  bits.write(0, 6) // NPOSTFIX and NDIRECT
  bits.write(0, 2) // the mode of the literals' context
  bits.write(0, 2) // one prefix code each for literals and distances
  writeOneSymbol(bits, 0, 8)
  writeOneSymbol(bits, COPY_CODE, 10)
  writeOneSymbol(bits, code, 6)
  bits.write(extra, extraBits)
}

function writeLength(bits: BitWriter, length: number): void {
  const nibbles = length <= 2 ** 16 ? 4 : length <= 2 ** 20 ? 5 : 6
  bits.write(0, 1) // ISLAST
  bits.write(nibbles - 4, 2) // MNIBBLES
  bits.write(length - 1, nibbles * 4) // MLEN - 1
}

/** A prefix code of one symbol (section 3.4). */
function writeOneSymbol(bits: BitWriter, symbol: number, symbolBits: number): void {
  bits.write(1, 2) // a simple prefix code
  bits.write(0, 2) // NSYM - 1
  bits.write(symbol, symbolBits)
}

/** A meta-block of nothing, which ends at a whole byte. */
function writePadding(bits: BitWriter): void {
  bits.write(0, 1) // ISLAST
  bits.write(3, 2) // MNIBBLES: metadata
  bits.write(0, 1) // reserved
  bits.write(0, 2) // MSKIPBYTES
  bits.align()
}

/** Bits from the lowest of each byte on. */
class BitWriter {
  readonly #parts: Uint8Array[] = []
  #whole: number[] = []
  #bits = 0
  #count = 0

  write(value: number, count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#bits |= ((value >>> i) & 1) << this.#count
      this.#count += 1
      if (this.#count === 8) this.align()
    }
  }

  /** Fills the byte with zeros. */
  align(): void {
    if (this.#count === 0) return
    this.#whole.push(this.#bits)
    this.#bits = 0
    this.#count = 0
  }

  append(bytes: Uint8Array): void {
    this.#parts.push(Uint8Array.from(this.#whole), bytes)
    this.#whole = []
  }

  bytes(): Uint8Array {
    return Buffer.concat([...this.#parts, Uint8Array.from(this.#whole)])
  }
}
