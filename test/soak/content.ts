import { Buffer } from 'node:buffer'
import { mix, Random } from './random.ts'

/**
 * What the messages of a soak hold. Every message can be made again by whoever reads its header: writer, number, length and pipe, seven bits to
 * a byte, with a check of 28 bits. So a reader compares each byte with what was sent, and finds its way again where a write was cut short.
 *
 * Messages too short for a header are of one byte with the high bit set, which says writer and length, and a count up from the number.
 */

export const HEADER_BYTES = 16
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024
/** The longest message that is written as a string. */
export const MAX_TEXT_BYTES = 64 * 1024
const POOL_BYTES = 2 * MAX_MESSAGE_BYTES
const TINY = 0x80
const TEXT = 0x40
const WRITER = 3
const GROUP_BYTES = 4
/** What texts are made of: each of four bytes in UTF-8, in characters of one to four bytes. */
const GROUPS = ['abcd', 'e\n f', 'éü', 'ßx\t', '€1', '語9', '🦉', 'ñ y', 'Ωω']

export interface Header {
  writer: number
  number: number
  length: number
  pipe: number
  text: boolean
}

/** The bytes all threads cut their messages from. */
export function makePool(): SharedArrayBuffer {
  const pool = new SharedArrayBuffer(POOL_BYTES)
  const words = new Uint32Array(pool)
  for (let i = 0; i < words.length; i += 1) words[i] = mix(i + 1)
  return pool
}

export class Content {
  readonly #pool: Uint8Array
  readonly #text: string
  readonly #textBytes: Uint8Array
  /** Where each group of the text starts, in UTF-16 units. */
  readonly #groupStarts: number[] = []
  readonly #weights: Uint32Array

  constructor(pool: SharedArrayBuffer) {
    this.#pool = Buffer.from(pool)
    const random = new Random(1)
    let text = ''
    for (let i = 0; i < (2 * MAX_TEXT_BYTES) / GROUP_BYTES; i += 1) {
      this.#groupStarts.push(text.length)
      text += random.pick(GROUPS)
    }
    this.#text = text
    this.#textBytes = Buffer.from(text)
    this.#weights = Uint32Array.from({ length: 256 }, (_, byte) => mix(byte + 1000))
  }

  /** Writes a message into `target`, from its start. */
  fill(target: Uint8Array, header: Header): void {
    const { length } = header
    if (length < HEADER_BYTES) target.set(tinyMessage(header))
    else {
      target.set(encodeHeader(header))
      target.set(this.payload(header), HEADER_BYTES)
    }
  }

  /** The message as a string. */
  string(header: Header): string {
    const from = this.#textGroup(header)
    const to = from + (header.length - HEADER_BYTES) / GROUP_BYTES
    const text = this.#text.slice(this.#groupStarts[from], this.#groupStarts[to])
    return String.fromCharCode(...encodeHeader(header)) + text
  }

  /** What follows the header. */
  payload(header: Header): Uint8Array {
    const bytes = header.length - HEADER_BYTES
    if (header.text) {
      const start = this.#textGroup(header) * GROUP_BYTES
      return this.#textBytes.subarray(start, start + bytes)
    }
    const start = mix(this.#key(header)) % (POOL_BYTES - bytes)
    return this.#pool.subarray(start, start + bytes)
  }

  /** A sum that is the same in whatever order and pieces the bytes come. */
  sum(bytes: Uint8Array): number {
    const weights = this.#weights
    let sum = 0
    for (let i = 0; i < bytes.length; i += 1) sum = (sum + (weights[bytes[i] as number] as number)) | 0
    return sum >>> 0
  }

  #textGroup(header: Header): number {
    return mix(this.#key(header)) % (MAX_TEXT_BYTES / GROUP_BYTES)
  }

  #key({ writer, number, pipe }: Header): number {
    return Math.imul(pipe, 0x3c6ef372) ^ Math.imul(number, 4) ^ writer
  }
}

/** A length that a text can have, about as long as this. */
export function textLength(length: number): number {
  const payload = Math.min(MAX_TEXT_BYTES, Math.max(0, length - HEADER_BYTES))
  return HEADER_BYTES + payload - (payload % GROUP_BYTES)
}

export function encodeHeader({ writer, number, length, pipe, text }: Header): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = writer | (text ? TEXT : 0)
  putSevens(header, 1, 4, number)
  putSevens(header, 5, 4, length)
  putSevens(header, 9, 3, pipe)
  putSevens(header, 12, 4, checkOf(header))
  return header
}

/** @returns undefined where there is no header */
export function decodeHeader(bytes: Uint8Array): Header | undefined {
  if (bytes.subarray(0, HEADER_BYTES).some((byte) => byte >= TINY)) return undefined
  if (getSevens(bytes, 12, 4) !== checkOf(bytes) % 2 ** 28) return undefined
  const [first, number, length, pipe] = [
    bytes[0] as number,
    getSevens(bytes, 1, 4),
    getSevens(bytes, 5, 4),
    getSevens(bytes, 9, 3),
  ]
  return { writer: first & WRITER, number, length, pipe, text: (first & TEXT) !== 0 }
}

/** Which writer a message is of, by its first byte. */
export function writerOf(first: number): number {
  return first < TINY ? first & WRITER : (first >> 4) & WRITER
}

/** The length that the first byte of a tiny message says; undefined if it is the first of a header. */
export function tinyLength(first: number): number | undefined {
  return first < TINY ? undefined : first & (HEADER_BYTES - 1)
}

export function tinyMessage({ writer, number, length }: Pick<Header, 'writer' | 'number' | 'length'>): Uint8Array {
  const message = Uint8Array.from({ length }, (_, i) => (number + i) & (TINY - 1))
  if (length > 0) message[0] = TINY | (writer << 4) | length
  return message
}

function checkOf(header: Uint8Array): number {
  let check = 17
  for (let i = 0; i < 12; i += 1) check = mix(check ^ (header[i] as number))
  return check
}

function putSevens(target: Uint8Array, at: number, count: number, value: number): void {
  for (let i = 0; i < count; i += 1) target[at + i] = Math.floor(value / 2 ** (7 * i)) & (TINY - 1)
}

function getSevens(source: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = 0; i < count; i += 1) value += (source[at + i] as number) * 2 ** (7 * i)
  return value
}
