import { Buffer } from 'node:buffer'
import { type Content, decodeHeader, HEADER_BYTES, type Header, tinyLength, tinyMessage, writerOf } from './content.ts'
import { mix } from './random.ts'

/**
 * How a reader tells whole messages from lost, doubled and torn ones:
 *
 * - `stream`: the one reader of a pipe compares all bytes, in their order, wherever its reads begin and end.
 * - `messages`: of several readers of a rendezvous each gives targets that hold any message, and gets one of them by each read.
 * - `sums`: where several readers share the bytes in pieces, sums are compared that hold in any order.
 */
export type CheckKind = 'stream' | 'messages' | 'sums'

export type Damage = 'lost' | 'doubled' | 'torn'

export interface Checked {
  /** Whole messages by writer, and the sums of marks of them. */
  whole: number[]
  marks: number[]
  /** Writer and length of each message that was cut short. */
  cuts: string[]
  /** Whether the last cut may be missing there: too little came after it. */
  unsure: boolean
  sum: number
  compared: number
  damage: { kind: Damage; what: string }[]
}

export interface Check {
  /** Takes what one read gave. */
  take(bytes: Uint8Array): void
  end(): Checked
}

export function newChecked(): Checked {
  return { whole: [0, 0, 0], marks: [0, 0, 0], cuts: [], unsure: false, sum: 0, compared: 0, damage: [] }
}

/** Counts a whole message. A tiny one leaves no mark, since not every reader can know its number. */
export function countWhole(
  checked: Pick<Checked, 'whole' | 'marks'>,
  message: Pick<Header, 'writer' | 'number'>,
  tiny: boolean,
): void {
  const { writer, number } = message
  checked.whole[writer] = (checked.whole[writer] ?? 0) + 1
  if (!tiny) checked.marks[writer] = ((checked.marks[writer] ?? 0) + mix((number << 2) | writer)) >>> 0
}

export function makeCheck(kind: CheckKind, content: Content, pipe: number, cuttable: boolean): Check {
  switch (kind) {
    case 'stream':
      return new StreamCheck(content, pipe, cuttable)
    case 'messages':
      return new MessageCheck(content, pipe)
    case 'sums':
      return new SumCheck(content)
  }
}

class SumCheck implements Check {
  readonly #content: Content
  readonly #checked = newChecked()

  constructor(content: Content) {
    this.#content = content
  }

  take(bytes: Uint8Array): void {
    this.#checked.sum = (this.#checked.sum + this.#content.sum(bytes)) >>> 0
  }

  end(): Checked {
    return this.#checked
  }
}

class MessageCheck implements Check {
  readonly #content: Content
  readonly #pipe: number
  readonly #checked = newChecked()
  readonly #last = [-1, -1, -1]

  constructor(content: Content, pipe: number) {
    this.#content = content
    this.#pipe = pipe
  }

  take(bytes: Uint8Array): void {
    const n = bytes.length
    if (n === 0) return
    this.#checked.compared += n
    const first = bytes[0] as number
    const tiny = tinyLength(first)
    if (tiny !== undefined || n < HEADER_BYTES) {
      if (n === tiny) this.#takeTiny(bytes, writerOf(first), tiny)
      else if (n > (tiny ?? HEADER_BYTES))
        this.#damage('torn', `a read of ${n} bytes that begins with a message of ${tiny}`)
      else this.#checked.cuts.push(`${writerOf(first)}:${n}`)
      return
    }
    const header = decodeHeader(bytes)
    if (header === undefined || header.pipe !== this.#pipe || n > header.length) {
      this.#damage('torn', `a read of ${n} bytes with the header ${JSON.stringify(header)}`)
      return
    }
    const { writer, number, length } = header
    if (
      Buffer.compare(bytes.subarray(HEADER_BYTES), this.#content.payload(header).subarray(0, n - HEADER_BYTES)) !== 0
    ) {
      this.#damage('torn', `${n} bytes of message ${number} of writer ${writer} are not what was sent`)
    }
    const last = this.#last[writer] ?? -1
    if (number <= last) this.#damage('doubled', `message ${number} of writer ${writer} after ${last}`)
    this.#last[writer] = number
    if (n < length) this.#checked.cuts.push(`${writer}:${n}`)
    else countWhole(this.#checked, header, false)
  }

  /** Takes one that says its number by seven bits only: whose number it is comes out in the sums. */
  #takeTiny(bytes: Uint8Array, writer: number, length: number): void {
    const low = ((bytes[1] ?? 0) - 1) & 0x7f
    if (Buffer.compare(bytes, tinyMessage({ writer, number: low, length })) !== 0) {
      this.#damage('torn', `a message of ${length} bytes of writer ${writer} is not what was sent`)
    }
    countWhole(this.#checked, { writer, number: low }, true)
  }

  #damage(kind: Damage, what: string): void {
    this.#checked.damage.push({ kind, what })
  }

  end(): Checked {
    return this.#checked
  }
}

/** The message that a stream is in, from its first byte on. */
interface Current {
  writer: number
  number: number
  /** What is still to come behind the header; all of a tiny message. */
  payload: Uint8Array
  header: Uint8Array
  at: number
}

class StreamCheck implements Check {
  readonly #content: Content
  readonly #pipe: number
  readonly #cuttable: boolean
  readonly #checked = newChecked()
  readonly #next = [0, 0, 0]
  readonly #head = new Uint8Array(HEADER_BYTES)
  #headLength = 0
  #current: Current | undefined
  /** What could be the start of the message after a cut; its first byte stood at `#cutBase` of the message that was cut. */
  #tail: number[] | undefined
  /** How much of it had come when the mismatch showed, and where in it to look first. */
  #tailLooks = 0
  #searchFrom = 0
  #cutBase = 0
  #broken = false

  constructor(content: Content, pipe: number, cuttable: boolean) {
    this.#content = content
    this.#pipe = pipe
    this.#cuttable = cuttable
  }

  take(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length && !this.#broken; ) {
      if (this.#tail !== undefined) at += this.#search(bytes, at, this.#tail)
      else if (this.#current !== undefined) at += this.#compare(bytes, at, this.#current)
      else at += this.#begin(bytes, at)
    }
  }

  end(): Checked {
    const { cuts } = this.#checked
    if (this.#tail !== undefined) this.#checked.unsure = true
    else if (this.#current !== undefined) {
      const { writer, header, at } = this.#current
      cuts.push(`${writer}:${header.length + at}`)
    } else if (this.#headLength > 0) cuts.push(`${writerOf(this.#head[0] as number)}:${this.#headLength}`)
    return this.#checked
  }

  /** Takes bytes of a header, or the first one of a tiny message. @returns how many */
  #begin(bytes: Uint8Array, at: number): number {
    const first = bytes[at] as number
    const length = this.#headLength === 0 ? tinyLength(first) : undefined
    if (length !== undefined) {
      const writer = writerOf(first)
      const number = this.#number(writer)
      const payload = tinyMessage({ writer, number, length })
      this.#current = { writer, number, payload, header: new Uint8Array(0), at: 0 }
      return 0
    }
    const n = Math.min(HEADER_BYTES - this.#headLength, bytes.length - at)
    this.#head.set(bytes.subarray(at, at + n), this.#headLength)
    this.#headLength += n
    if (this.#headLength === HEADER_BYTES) this.#takeHeader()
    return n
  }

  #takeHeader(): void {
    const header = decodeHeader(this.#head)
    if (header === undefined || header.pipe !== this.#pipe || header.length < HEADER_BYTES) {
      // Not before the second byte: the first belongs to the message that was cut.
      this.#mismatch([...this.#head], 0, 1)
      return
    }
    this.#headLength = 0
    const { writer, number } = header
    const expected = this.#number(writer)
    if (number > expected) this.#damage('lost', `messages ${expected} to ${number - 1} of writer ${writer}`)
    if (number < expected)
      this.#damage('doubled', `message ${number} of writer ${writer} came when ${expected} was due`)
    this.#next[writer] = number + 1
    this.#checked.compared += HEADER_BYTES
    const current = { writer, number, payload: this.#content.payload(header), header: this.#head.slice(), at: 0 }
    if (current.payload.length === 0) countWhole(this.#checked, header, false)
    else this.#current = current
  }

  /** Compares bytes with those of the message. @returns how many */
  #compare(bytes: Uint8Array, at: number, current: Current): number {
    const { payload } = current
    const n = Math.min(payload.length - current.at, bytes.length - at)
    const expected = payload.subarray(current.at, current.at + n)
    const got = bytes.subarray(at, at + n)
    if (Buffer.compare(got, expected) === 0) {
      this.#checked.compared += n
      current.at += n
      if (current.at === payload.length) {
        countWhole(this.#checked, current, current.header.length === 0)
        this.#current = undefined
      }
      return n
    }
    const same = got.findIndex((byte, i) => byte !== expected[i])
    const before = [
      ...current.header,
      ...payload.subarray(Math.max(0, current.at + same - HEADER_BYTES), current.at + same),
    ]
    const tail = before.slice(-HEADER_BYTES)
    this.#mismatch(tail, current.header.length + current.at + same - tail.length, 0)
    return same
  }

  /** Something else begins among the bytes of `tail` or right behind them, but not before the one at `from`. */
  #mismatch(tail: number[], base: number, from: number): void {
    const { writer, number } = this.#current ?? { writer: writerOf(tail[0] as number), number: '?' }
    if (!this.#cuttable) {
      this.#damage('torn', `byte ${base + tail.length} of message ${number} of writer ${writer} is not what was sent`)
      this.#broken = true
      return
    }
    this.#tail = tail
    this.#tailLooks = tail.length
    this.#cutBase = base
    this.#searchFrom = from
  }

  /** Collects bytes until the message after a cut shows by its header. @returns how many it took */
  #search(bytes: Uint8Array, at: number, tail: number[]): number {
    const n = Math.min(this.#tailLooks + HEADER_BYTES - tail.length, bytes.length - at)
    tail.push(...bytes.subarray(at, at + n))
    if (tail.length < this.#tailLooks + HEADER_BYTES) return n
    const collected = Uint8Array.from(tail)
    for (let start = this.#tailLooks; start >= this.#searchFrom; start -= 1) {
      const header = decodeHeader(collected.subarray(start, start + HEADER_BYTES))
      if (header === undefined || header.pipe !== this.#pipe) continue
      this.#cut(this.#cutBase + start)
      this.take(collected.subarray(start))
      return n
    }
    this.#damage('torn', `after a mismatch at about byte ${this.#cutBase} of a message nothing like a message comes`)
    this.#broken = true
    return n
  }

  /** The message ends here, at this many bytes; what comes next is another one. */
  #cut(length: number): void {
    const writer = this.#current?.writer ?? writerOf(this.#head[0] as number)
    if (this.#current === undefined) this.#number(writer)
    this.#checked.cuts.push(`${writer}:${length}`)
    this.#current = undefined
    this.#headLength = 0
    this.#tail = undefined
  }

  /** The number that is due next from a writer. */
  #number(writer: number): number {
    const number = this.#next[writer] ?? 0
    this.#next[writer] = number + 1
    return number
  }

  #damage(kind: Damage, what: string): void {
    this.#checked.damage.push({ kind, what })
  }
}
