import { byteOf, CANCELLED, type Call, type Ends, endFor, type Model, type Reply, TIMED_OUT } from './model-call.ts'

/**
 * The contract of a buffered pipe (C23) with one writing thread and one that reads: the order of the bytes is certain, and how many are stored is
 * certain up to what a long write that is on has stored so far.
 */

/** Writes of up to so many bytes are stored whole. */
const WHOLE_BYTES = 4096

export class BufferedModel implements Model {
  readonly #capacity: number
  /** The bytes that were written, by write and place. */
  readonly #stream: { id: number; length: number }[] = []
  #written = 0
  #read = 0
  #write: Call | undefined
  #reading: Call | undefined
  /** The room there was when the write began, and whether no read has made more since. */
  #roomBefore = 0
  #alone = true
  /** What was stored for certain when the read began. */
  #storedBefore = 0
  readonly #cancelled = new Set<number>()
  /** How the pipe had ended, from time to time; a call sees what was so at some time since it began. */
  readonly #ends: Ends[] = [{}]
  readonly #began = new Map<number, number>()

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  begin(call: Call): void {
    this.#began.set(call.id, this.#ends.length - 1)
    if (call.half === 'writer') {
      this.#write = call
      this.#roomBefore = this.#room
      this.#alone = this.#reading === undefined
    } else {
      this.#alone = false
      this.#reading = call
      this.#storedBefore = this.#stored
    }
  }

  cancel(id: number): void {
    this.#cancelled.add(id)
  }

  end(ends: Ends): void {
    this.#ends.push(ends)
  }

  due(): number[] {
    const due: number[] = []
    const write = this.#write
    const read = this.#reading
    const hurried = ({ id, timeout }: Call): boolean => timeout !== undefined || this.#cancelled.has(id) || this.#ended
    if (write !== undefined && (hurried(write) || write.size <= this.#room)) due.push(write.id)
    if (read !== undefined) {
      const bytesToCome = this.#stored > 0 || (write !== undefined && write.size > 0)
      if (hurried(read) || bytesToCome || (read.size === 0 && read.kind === 'plain')) due.push(read.id)
    }
    return due
  }

  reply(reply: Reply): string | undefined {
    return reply.id === this.#write?.id ? this.#writeReply(reply, this.#write) : this.#readReply(reply)
  }

  total(): number {
    return this.#written
  }

  get #ended(): boolean {
    return this.#ends.length > 1
  }

  /** Bytes that are stored for certain. */
  get #stored(): number {
    return Math.max(0, this.#written - this.#read)
  }

  /** Room for certain, if nothing of a write that is on is stored. */
  get #room(): number {
    return this.#capacity - (this.#written - this.#read)
  }

  #writeReply(reply: Reply, write: Call): string | undefined {
    const inTransit = this.#reading?.kind === 'next' ? this.#capacity : (this.#reading?.size ?? 0)
    const most = Math.min(write.size, this.#room + inTransit)
    const least = Math.min(write.size, Math.max(0, this.#read - this.#written))
    if ('failed' in reply) {
      const n = reply.bytesWritten ?? -1
      const whole = write.kind === 'in place' || (write.size <= WHOLE_BYTES && write.size <= this.#capacity)
      const why = this.#whyFailed(reply.failed, write)
      if (why !== undefined) return why
      if (n < least || n > most) return `${least} to ${most} bytes written`
      if (whole && n !== 0) return 'all bytes or none'
      if (reply.failed === TIMED_OUT) {
        const { size } = write
        if (size <= this.#roomBefore) return `success: there was room for ${this.#roomBefore}`
        // Before it leaves, a long write stores what there is room for.
        const room = this.#roomBefore
        if (size > WHOLE_BYTES && !whole && this.#alone && n !== room) return `${room} bytes written`
      }
      this.#append(write.id, n)
    } else {
      if (reply.n !== write.size || most < write.size) return `${most} of ${write.size} bytes stored at most`
      this.#append(write.id, write.size)
    }
    this.#write = undefined
    return undefined
  }

  #append(id: number, length: number): void {
    this.#stream.push({ id, length })
    this.#written += length
  }

  #readReply(reply: Reply): string | undefined {
    const read = this.#reading as Call
    const size = read.kind === 'next' ? this.#capacity : read.size
    const least = Math.min(size, read.kind === 'in place' ? Math.min(1, this.#storedBefore) : this.#storedBefore)
    const toCome = this.#write?.size ?? 0
    const most = Math.min(size, this.#capacity, this.#stored + toCome)
    const drains = this.#endsSince(read).every(({ abort, reader }) => abort === undefined && reader === undefined)
    if ('failed' in reply) {
      const why = this.#whyFailed(reply.failed, read)
      if (why !== undefined) return why
      if (drains && this.#storedBefore > 0 && reply.failed !== CANCELLED)
        return `bytes: ${this.#storedBefore} were stored`
    } else if (reply.n === null) {
      const ended = this.#endsSince(read).some((ends) => endFor('reader', ends) === null)
      if (!ended || this.#stored > 0) return `no end: ${this.#stored} are stored`
    } else {
      const empty = size === 0 && read.kind === 'plain'
      if (!empty && reply.n === 0) return 'more than 0 bytes'
      if (reply.n < Math.min(least, most) || reply.n > most) return `${least} to ${most} bytes`
      const places = this.#places(reply.n)
      const wrong = places.findIndex((byte, i) => byte !== reply.bytes?.[i])
      if (wrong >= 0) return `byte ${wrong} to be ${places[wrong]}, not ${reply.bytes?.[wrong]}`
      this.#read += reply.n
    }
    this.#reading = undefined
    return undefined
  }

  #whyFailed(failed: string, call: Call): string | undefined {
    if (failed === TIMED_OUT && call.timeout !== undefined) return undefined
    if (failed === CANCELLED && this.#cancelled.has(call.id)) return undefined
    const said = this.#endsSince(call).map((ends) => endFor(call.half, ends))
    return said.includes(failed) ? undefined : `no failure but ${said.join(', ')}`
  }

  #endsSince({ id }: Call): Ends[] {
    return this.#ends.slice(this.#began.get(id))
  }

  /** The next bytes of the stream, those of the write that is on included. */
  #places(n: number): number[] {
    const stream =
      this.#write === undefined ? this.#stream : [...this.#stream, { id: this.#write.id, length: Infinity }]
    const bytes: number[] = []
    let start = 0
    for (const { id, length } of stream) {
      for (let at = Math.max(start, this.#read + bytes.length); at < start + length && bytes.length < n; ) {
        bytes.push(byteOf(id, at - start))
        at = this.#read + bytes.length
      }
      start += length
    }
    return bytes
  }
}
