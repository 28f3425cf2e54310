import { copy, copyN, copyNSync, copySync, PipeWriter } from 'threadpipe'
import { type Checked, countWhole, newChecked } from './checks.ts'
import { type Content, HEADER_BYTES, type Header, textLength } from './content.ts'
import type { PipePlan, SidePlan, WriteWay } from './plan.ts'
import { Random } from './random.ts'
import {
  die,
  forever,
  type Interruption,
  interruption,
  isInterruption,
  Ledger,
  nowMs,
  type Outcome,
  outcomeOf,
  performEnding,
  type SideReport,
  type SideTask,
  type Surroundings,
} from './side.ts'
import { newTally } from './tally.ts'

export interface WriterReport extends SideReport {
  half: 'writer'
  /** What was acknowledged. */
  sent: Checked
  /** Whole writes, as `stats().writes` counts them. */
  calls: number
}

/** Writes up to this many bytes go into a buffered pipe whole, or not at all. */
const WHOLE_BYTES = 4096
/** What a copy without a fast path reads at most at a time. */
const COPY_BYTES = 32 * 1024

/** A message, or what is left of one from its byte `from` on. */
interface Sending extends Header {
  from: number
}

/** A failure of calls that had moved some bytes. */
class Failed {
  readonly error: unknown
  readonly took: number

  constructor(error: unknown, took: number) {
    this.error = error
    this.took = took
  }
}

const PLANNED = new Error('the callback was to throw')

/** One writer of a pipe: sends messages in all ways there are, until it has sent enough or the pipe has ended. */
export class WriterSide {
  readonly #writer: PipeWriter
  readonly #plan: PipePlan
  readonly #side: SidePlan<WriteWay>
  readonly #index: number
  readonly #random: Random
  readonly #content: Content
  readonly #surroundings: Surroundings
  readonly #ledger: Ledger
  readonly #scratch: Uint8Array
  readonly #sent = newChecked()
  readonly #wrong: string[] = []
  readonly #tally = newTally()
  /** The number of the next message. */
  #number = 0
  #rest: Sending | undefined
  #calls = 0
  #bytes = 0

  constructor({ plan, index, handle, ledger, slot }: SideTask, surroundings: Surroundings) {
    this.#writer = PipeWriter.from(handle)
    this.#plan = plan
    this.#side = plan.writers[index] as SidePlan<WriteWay>
    this.#index = index
    this.#random = new Random(this.#side.seed)
    this.#content = surroundings.content
    this.#surroundings = surroundings
    this.#ledger = new Ledger(ledger, slot)
    this.#ledger.hold()
    this.#scratch = new Uint8Array(plan.maxBytes)
  }

  async run(): Promise<WriterReport> {
    const outcome = await this.#write()
    const endedAtMs = nowMs()
    if (this.#rest !== undefined) this.#sent.cuts.push(`${this.#index}:${this.#rest.from}`)
    if (
      this.#plan.ending.kind === 'complete' &&
      this.#ledger.writerLeaves() &&
      this.#plan.ending.by === 'last writer'
    ) {
      this.#writer.close()
      this.#tally.closes += 1
    }
    const { bytes, wrong, tally, sent, calls } = this.#results()
    return { half: 'writer', outcome, endedAtMs, bytes, wrong, tally, sent, calls }
  }

  #results() {
    return { bytes: this.#bytes, wrong: this.#wrong, tally: this.#tally, sent: this.#sent, calls: this.#calls }
  }

  async #write(): Promise<Outcome> {
    const { ending, operations, bytes } = this.#plan
    const { death, ends, main } = this.#side
    for (let i = 0; ; i += 1) {
      const enough = i >= operations || this.#bytes >= bytes
      if (ending.kind === 'complete' && enough && this.#rest === undefined) return { kind: 'finished' }
      if (ends && ending.kind !== 'complete' && ending.kind !== 'deaths' && i === ending.at) {
        performEnding(this.#writer, this.#plan, this.#tally)
      }
      if (death !== undefined && death.where !== 'anywhere' && i === death.at) {
        const outcome = await this.#die()
        if (outcome !== undefined) return outcome
      }
      const outcome = await this.#operate(this.#random.pick(this.#side.ways))
      if (outcome !== undefined) return outcome
      if (main) this.#tally['on the main thread'] += 1
    }
  }

  /** One operation, or a copy of several. @returns how it has ended for this writer, if it has */
  async #operate(way: WriteWay): Promise<Outcome | undefined> {
    const awaited = !way.endsWith('Sync')
    const kind = awaited ? 'awaited' : 'blocking'
    const interrupted = interruption(this.#random, this.#plan.interrupted, awaited)
    const { options } = interrupted
    this.#tally[kind] += 1
    if (this.#rest !== undefined) {
      const bytes = this.#make(this.#rest).subarray(this.#rest.from)
      const call = () => (awaited ? this.#writer.write(bytes, options) : this.#writer.writeSync(bytes, options))
      return this.#attempt([this.#rest], call, interrupted)
    }
    const inPlaceBytes = this.#plan.capacity > 0 ? this.#plan.capacity : this.#plan.window
    const smallest = this.#plan.tiny ? 1 : HEADER_BYTES
    switch (way) {
      case 'writevSync':
      case 'writev': {
        const message = this.#draw()
        const pieces = this.#split(this.#make(message))
        this.#tally.writev += 1
        const call = () => (awaited ? this.#writer.writev(pieces, options) : this.#writer.writevSync(pieces, options))
        return this.#attempt([message], call, interrupted)
      }
      case 'writeInPlaceSync':
      case 'writeInPlace':
        if (inPlaceBytes < smallest) break
        return this.#writeInPlace(inPlaceBytes, awaited, interrupted)
      case 'stringSync':
      case 'string': {
        const message = this.#draw(this.#plan.maxBytes, true)
        const text = message.length === 0 ? '' : this.#content.string(message)
        this.#tally.strings += 1
        const call = () => (awaited ? this.#writer.write(text, options) : this.#writer.writeSync(text, options))
        return this.#attempt([message], call, interrupted)
      }
      case 'copySync':
      case 'copy':
        if (inPlaceBytes < 2 * smallest) break
        return this.#copy(awaited)
      case 'copyNSync':
      case 'copyN':
        return this.#copyN(awaited)
      case 'burst':
        return this.#burst()
      case 'writeSync':
      case 'write':
        break
    }
    const message = this.#draw()
    const bytes = this.#make(message)
    const call = () => (awaited ? this.#writer.write(bytes, options) : this.#writer.writeSync(bytes, options))
    return this.#attempt([message], call, interrupted)
  }

  #writeInPlace(limit: number, awaited: boolean, interrupted: Interruption): Promise<Outcome | undefined> {
    const message = this.#draw(limit)
    const size = this.#random.chance(0.5) ? message.length : this.#random.between(message.length, limit)
    const throws = this.#random.chance(0.05)
    this.#tally['in place'] += 1
    const fill = (target: Uint8Array): number | undefined => {
      if (throws) throw PLANNED
      this.#content.fill(target.subarray(0, message.length), message)
      return size === message.length ? undefined : message.length
    }
    const { options } = interrupted
    const call = () =>
      awaited ? this.#writer.writeInPlace(size, fill, options) : this.#writer.writeInPlaceSync(size, fill, options)
    return this.#attempt([message], call, interrupted)
  }

  /** Copies some messages from a source that makes them as it is read: straight into the shared memory. */
  #copy(awaited: boolean): Promise<Outcome | undefined> {
    const messages: Sending[] = []
    const count = this.#random.between(1, 5)
    const readSync = (target: Uint8Array): number | null => {
      if (messages.length === count) return null
      const message = this.#draw(target.length, false, messages)
      messages.push(message)
      this.#ledger.begin(messages.reduce((sum, { length }) => sum + length, 0))
      this.#content.fill(target.subarray(0, message.length), message)
      // A source that gives nothing is asked again: no write comes of it.
      if (message.length === 0) messages.pop()
      return message.length
    }
    this.#tally['copy helpers'] += 1
    const call = () =>
      awaited ? copy(this.#writer, this.#asyncSource(readSync)) : copySync(this.#writer, { readSync })
    return this.#attempt(messages, call)
  }

  /** Copies some messages through a buffer. */
  #copyN(awaited: boolean): Promise<Outcome | undefined> {
    const messages: Sending[] = []
    for (let i = this.#random.between(1, 4); i > 0; i -= 1) {
      const message = this.#draw(COPY_BYTES, false, messages)
      if (message.length > 0) messages.push(message)
    }
    const total = messages.reduce((sum, { length }) => sum + length, 0)
    let next = 0
    const readSync = (target: Uint8Array): number | null => {
      const message = messages[next]
      next += 1
      if (message === undefined) return null
      this.#content.fill(target.subarray(0, message.length), message)
      return message.length
    }
    this.#tally['copy helpers'] += 1
    const call = () =>
      awaited ? copyN(this.#writer, this.#asyncSource(readSync), total) : copyNSync(this.#writer, { readSync }, total)
    return this.#attempt(messages, call)
  }

  #asyncSource(readSync: (target: Uint8Array) => number | null) {
    const slow = this.#random.chance(0.2)
    return {
      async read(target: Uint8Array): Promise<number | null> {
        if (slow) await new Promise(setImmediate)
        return readSync(target)
      },
    }
  }

  /** Several writes at once: they go in the order of their calls. */
  #burst(): Promise<Outcome | undefined> {
    const messages: Sending[] = []
    for (let i = this.#random.between(2, 4); i > 0; i -= 1) {
      const message = this.#draw(undefined, false, messages)
      if (message.length > 0) messages.push(message)
    }
    const sources = messages.map((message) => this.#make(message).slice())
    this.#tally.bursts += 1
    const call = async (): Promise<number> => {
      const writes = await Promise.allSettled(sources.map((source) => this.#writer.write(source)))
      let took = 0
      for (const write of writes) {
        if (write.status === 'rejected') throw new Failed(write.reason, took + bytesWrittenBy(write.reason))
        took += write.value
      }
      return took
    }
    return this.#attempt(messages, call)
  }

  /** Makes a call that sends these messages, and accounts for what it sent. */
  async #attempt(
    messages: Sending[],
    call: () => number | Promise<number>,
    interrupted: Interruption = { options: {}, by: undefined },
  ): Promise<Outcome | undefined> {
    const total = () => messages.reduce((sum, { length, from }) => sum + length - from, 0)
    const single = messages.length === 1
    this.#ledger.begin(total())
    try {
      const result = call()
      const n = typeof result === 'number' ? result : await result
      if (n !== total()) this.#wrong.push(`a write of ${total()} bytes gave ${n}`)
      this.#account(messages, n, false)
      return undefined
    } catch (thrown) {
      const error = thrown instanceof Failed ? thrown.error : thrown
      const took = thrown instanceof Failed ? thrown.took : bytesWrittenBy(thrown)
      this.#account(messages, took, true)
      if (error === PLANNED) {
        this.#tally['callbacks that threw'] += 1
        return undefined
      }
      const most = single ? Math.max(0, total() - 1) : total()
      if (!(took >= 0 && took <= most)) this.#wrong.push(`bytesWritten ${took} of ${total()} bytes, with ${error}`)
      if (single && took > 0 && this.#isWhole(total()))
        this.#wrong.push(`a short write went in by ${took} of ${total()} bytes`)
      if (!isInterruption(error, interrupted)) return outcomeOf(error)
      if (interrupted.by !== undefined) this.#tally[interrupted.by] += 1
      return undefined
    } finally {
      this.#ledger.end()
      // What the library might still copy from here would show.
      this.#scratch.fill(0xff, 0, 64)
    }
  }

  /** Whether a write of this length goes into a buffered pipe as a whole. */
  #isWhole(length: number): boolean {
    return this.#plan.capacity > 0 && length <= Math.min(WHOLE_BYTES, this.#plan.capacity)
  }

  /** Accounts for the first `took` bytes of these messages. */
  #account(messages: Sending[], took: number, failed: boolean): void {
    this.#bytes += took
    this.#ledger.count(took)
    this.#tally['bytes written'] += took
    let left = took
    for (const message of messages) {
      const { length, from, writer } = message
      if (length === 0 && failed) return
      const n = Math.min(left, length - from)
      left -= n
      if (this.#plan.check === 'sums') this.#sent.sum = (this.#sent.sum + this.#sumOf(message, from + n)) >>> 0
      if (from + n === length) {
        this.#tally.writes += 1
        if (length > 0 || this.#plan.capacity === 0) this.#calls += 1
        if (length > 0) {
          countWhole(this.#sent, message, length < HEADER_BYTES)
          this.#number += 1
        }
        this.#rest = undefined
      } else {
        if (n === 0) return
        this.#tally['writes cut'] += 1
        if (this.#plan.continuing) this.#rest = { ...message, from: from + n }
        else {
          this.#sent.cuts.push(`${writer}:${n}`)
          this.#number += 1
        }
        return
      }
    }
  }

  #sumOf(message: Sending, to: number): number {
    return this.#content.sum(this.#make(message).subarray(message.from, to))
  }

  /** The next message, of up to `limit` bytes; `ahead` are those that go before it. */
  #draw(limit = this.#plan.maxBytes, text = false, ahead: readonly Sending[] = []): Sending {
    const number = this.#number + ahead.filter(({ length }) => length > 0).length
    const header = { writer: this.#index, number, pipe: this.#plan.number, text, from: 0 }
    const max = Math.min(limit, this.#plan.maxBytes)
    if (this.#random.chance(0.02)) return { ...header, length: 0 }
    if (max < HEADER_BYTES || (!text && this.#plan.tiny && this.#random.chance(0.2))) {
      return { ...header, length: this.#random.between(1, Math.min(max, HEADER_BYTES - 1)) }
    }
    const length = this.#random.skewed(HEADER_BYTES, max)
    return { ...header, length: text ? textLength(length) : length }
  }

  #make(message: Header): Uint8Array {
    const bytes = this.#scratch.subarray(0, message.length)
    this.#content.fill(bytes, message)
    return bytes
  }

  #split(bytes: Uint8Array): Uint8Array[] {
    const pieces: Uint8Array[] = []
    let at = 0
    for (let i = this.#random.below(4); i > 0; i -= 1) {
      const n = this.#random.below(bytes.length - at + 1)
      pieces.push(bytes.subarray(at, at + n))
      at += n
    }
    return [...pieces, bytes.subarray(at)]
  }

  async #die(): Promise<Outcome | undefined> {
    const { death } = this.#side
    if (death === undefined) return undefined
    this.#ledger.begin(this.#plan.maxBytes)
    try {
      if (death.where === 'callback') {
        this.#writer.writeInPlaceSync(1, () => die(death, this.#ledger, this.#surroundings))
      }
      if (death.where === 'pending') {
        const message = this.#rest ?? this.#draw()
        this.#writer.write(this.#make(message).subarray(message.from)).catch(() => {})
      }
    } catch (error) {
      this.#ledger.end()
      return outcomeOf(error)
    }
    die(death, this.#ledger, this.#surroundings)
    return forever()
  }
}

function bytesWrittenBy(error: unknown): number {
  return (error as { bytesWritten?: number }).bytesWritten ?? 0
}
