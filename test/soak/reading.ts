import {
  copy,
  copyN,
  copyNSync,
  copySync,
  PipeReader,
  readAll,
  readAllSync,
  readAtLeast,
  readAtLeastSync,
  readFull,
  readFullSync,
} from 'threadpipe'
import { type Check, type Checked, makeCheck } from './checks.ts'
import type { PipePlan, ReadWay, SidePlan } from './plan.ts'
import { Random } from './random.ts'
import {
  codeOf,
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

export interface ReaderReport extends SideReport {
  half: 'reader'
  checked: Checked
}

/** What the end of the file is to a call that wanted more. */
const UNEXPECTED_EOF = 'ERR_PIPE_UNEXPECTED_EOF'
const PLANNED = new Error('the callback was to throw')
/** Targets begin at any of so many bytes, since copies differ by alignment. */
const OFFSETS = 8

/** One reader of a pipe: reads in all ways there are until the pipe has ended, and checks what it gets. */
export class ReaderSide {
  readonly #reader: PipeReader
  readonly #plan: PipePlan
  readonly #side: SidePlan<ReadWay>
  readonly #random: Random
  readonly #check: Check
  readonly #surroundings: Surroundings
  readonly #ledger: Ledger
  readonly #scratch: Uint8Array
  /** The most that one operation takes, in bytes. */
  readonly #stake: number
  readonly #wrong: string[] = []
  readonly #tally = newTally()
  #bytes = 0

  constructor({ plan, index, handle, ledger, slot }: SideTask, surroundings: Surroundings) {
    this.#reader = PipeReader.from(handle)
    this.#plan = plan
    this.#side = plan.readers[index] as SidePlan<ReadWay>
    this.#random = new Random(this.#side.seed)
    this.#check = makeCheck(plan.check, surroundings.content, plan.number, plan.cuttable)
    this.#surroundings = surroundings
    this.#ledger = new Ledger(ledger, slot)
    this.#ledger.hold()
    this.#scratch = new Uint8Array(plan.maxTarget + OFFSETS)
    this.#stake = Math.max(64, plan.maxBytes, plan.maxTarget, plan.capacity, 2 * plan.window)
  }

  async run(): Promise<ReaderReport> {
    const outcome = await this.#read()
    const endedAtMs = nowMs()
    const checked = this.#check.end()
    const compared = this.#plan.check === 'sums' ? 'bytes summed' : 'bytes compared'
    this.#tally[compared] += this.#bytes
    return { half: 'reader', outcome, endedAtMs, bytes: this.#bytes, wrong: this.#wrong, tally: this.#tally, checked }
  }

  async #read(): Promise<Outcome> {
    const { ending } = this.#plan
    const { death, ends, main } = this.#side
    for (let i = 0; ; i += 1) {
      if (ends && ending.kind !== 'complete' && ending.kind !== 'deaths' && i === ending.at) {
        performEnding(this.#reader, this.#plan, this.#tally)
      }
      if (death !== undefined && death.where !== 'anywhere' && i === death.at) {
        const outcome = await this.#die(death)
        if (outcome !== undefined) return outcome
      }
      const outcome = await this.#operate(this.#random.pick(this.#side.ways))
      if (outcome !== undefined) return outcome
      if (main) this.#tally['on the main thread'] += 1
    }
  }

  /** One operation, or a helper's several. @returns how it has ended for this reader, if it has */
  async #operate(way: ReadWay): Promise<Outcome | undefined> {
    const awaited = !way.endsWith('Sync')
    const interrupted = interruption(this.#random, this.#plan.interrupted, awaited)
    this.#tally[awaited ? 'awaited' : 'blocking'] += 1
    this.#ledger.begin(this.#stake)
    let ended: boolean
    try {
      const result = this.#call(way, awaited, interrupted)
      ended = (typeof result === 'boolean' ? result : await result) === false
    } catch (error) {
      if (error === PLANNED) {
        this.#tally['callbacks that threw'] += 1
        return undefined
      }
      if (codeOf(error) === UNEXPECTED_EOF) return { kind: 'end of file' }
      if (!isInterruption(error, interrupted)) return outcomeOf(error)
      if (interrupted.by !== undefined) this.#tally[interrupted.by] += 1
      return undefined
    } finally {
      this.#ledger.end()
    }
    return ended ? { kind: 'end of file' } : undefined
  }

  /** @returns false at the end of the file */
  #call(way: ReadWay, awaited: boolean, { options }: Interruption): boolean | Promise<boolean> {
    switch (way) {
      case 'readSync':
        return this.#into((target) => this.#reader.readSync(target, options))
      case 'read':
        return this.#intoAsync((target) => this.#reader.read(target, options))
      case 'readInPlaceSync':
      case 'readInPlace':
        return this.#inPlace(awaited, options)
      case 'iteratorSync':
        return this.#iterate()
      case 'iterator':
        return this.#iterateAsync()
      case 'readFullSync':
        return this.#into((target) => readFullSync(this.#reader, target), 'read helpers')
      case 'readFull':
        return this.#intoAsync((target) => readFull(this.#reader, target), 'read helpers')
      case 'readAtLeastSync':
        return this.#into((target) => readAtLeastSync(this.#reader, target, this.#least(target)), 'read helpers')
      case 'readAtLeast':
        return this.#intoAsync((target) => readAtLeast(this.#reader, target, this.#least(target)), 'read helpers')
      case 'readAllSync':
        this.#tally['read helpers'] += 1
        this.#take(readAllSync(this.#reader))
        return false
      case 'readAll':
        this.#tally['read helpers'] += 1
        return readAll(this.#reader).then((bytes) => {
          this.#take(bytes)
          return false
        })
      case 'copySync':
      case 'copyNSync':
        return this.#copySync(way === 'copyNSync')
      case 'copy':
      case 'copyN':
        return this.#copy(way === 'copyN')
    }
  }

  #into(call: (target: Uint8Array) => number | null, kind?: 'read helpers'): boolean {
    const target = this.#target()
    if (kind !== undefined) this.#tally[kind] += 1
    try {
      const n = call(target)
      return this.#took(target, n)
    } catch (error) {
      this.#took(target, bytesReadBy(error))
      throw error
    }
  }

  async #intoAsync(call: (target: Uint8Array) => Promise<number | null>, kind?: 'read helpers'): Promise<boolean> {
    const target = this.#target()
    if (kind !== undefined) this.#tally[kind] += 1
    try {
      return this.#took(target, await call(target))
    } catch (error) {
      this.#took(target, bytesReadBy(error))
      throw error
    }
  }

  #took(target: Uint8Array, n: number | null): boolean {
    if (n === null) return false
    if (n <= target.length) this.#take(target.subarray(0, n))
    else this.#wrong.push(`a read into ${target.length} bytes gave ${n}`)
    return true
  }

  #inPlace(awaited: boolean, options: Interruption['options']): boolean | Promise<boolean> {
    let consumed = 0
    const use = (bytes: Uint8Array): number | undefined => {
      if (this.#random.chance(0.05)) throw PLANNED
      consumed = this.#random.chance(0.6) ? bytes.length : this.#random.between(0, bytes.length)
      this.#take(bytes.subarray(0, consumed))
      return consumed === bytes.length ? undefined : consumed
    }
    this.#tally['in place'] += 1
    const done = (n: number | null): boolean => {
      if (n !== null && n !== consumed) this.#wrong.push(`a read in place gave ${n}, but ${consumed} were consumed`)
      return n !== null
    }
    return awaited
      ? this.#reader.readInPlace(use, options).then(done)
      : done(this.#reader.readInPlaceSync(use, options))
  }

  /** Takes some chunks, and leaves the iterator alone: to leave a loop early would close the reader. */
  #iterate(): boolean {
    this.#tally.iterators += 1
    const chunks = this.#reader[Symbol.iterator]()
    for (let i = this.#random.between(1, 4); i > 0; i -= 1) {
      const { done, value } = chunks.next()
      if (done === true) return false
      this.#take(value)
    }
    return true
  }

  async #iterateAsync(): Promise<boolean> {
    this.#tally.iterators += 1
    const chunks = this.#reader[Symbol.asyncIterator]()
    for (let i = this.#random.between(1, 4); i > 0; i -= 1) {
      const { done, value } = await chunks.next()
      if (done === true) return false
      this.#take(value)
    }
    return true
  }

  /** Copies to a destination that checks what it gets. @returns false at the end of the file */
  #copySync(counted: boolean): boolean {
    const before = this.#bytes
    const sink = {
      writeSync: (bytes: Uint8Array): number => {
        this.#take(bytes)
        return bytes.length
      },
    }
    this.#tally['copy helpers'] += 1
    try {
      const n = counted ? copyNSync(sink, this.#reader, this.#count()) : copySync(sink, this.#reader)
      this.#copied(n, before)
      return counted
    } catch (error) {
      this.#copied(bytesWrittenBy(error), before)
      throw error
    }
  }

  async #copy(counted: boolean): Promise<boolean> {
    const before = this.#bytes
    const slow = this.#random.chance(0.1)
    const sink = {
      write: async (bytes: Uint8Array): Promise<number> => {
        if (slow) await new Promise(setImmediate)
        this.#take(bytes)
        return bytes.length
      },
    }
    this.#tally['copy helpers'] += 1
    try {
      const n = counted ? await copyN(sink, this.#reader, this.#count()) : await copy(sink, this.#reader)
      this.#copied(n, before)
      return counted
    } catch (error) {
      this.#copied(bytesWrittenBy(error), before)
      throw error
    }
  }

  #copied(said: number, before: number): void {
    const took = this.#bytes - before
    if (said !== took) this.#wrong.push(`a copy said ${said} bytes, but its destination got ${took}`)
  }

  #take(bytes: Uint8Array): void {
    this.#check.take(bytes)
    this.#bytes += bytes.length
    this.#ledger.count(bytes.length)
    this.#tally['bytes read'] += bytes.length
    this.#tally.reads += 1
  }

  #target(): Uint8Array {
    const { maxTarget, check } = this.#plan
    const offset = this.#random.below(OFFSETS)
    if (this.#random.chance(0.01)) return this.#scratch.subarray(offset, offset)
    const whole = check === 'messages' || this.#random.chance(0.6)
    return this.#scratch.subarray(offset, offset + (whole ? maxTarget : this.#count()))
  }

  #count(): number {
    return this.#random.skewed(1, this.#plan.maxTarget)
  }

  #least(target: Uint8Array): number {
    return this.#random.between(0, target.length)
  }

  async #die(death: NonNullable<SidePlan<ReadWay>['death']>): Promise<Outcome | undefined> {
    this.#ledger.begin(this.#stake)
    try {
      if (death.where === 'callback') {
        const n = this.#reader.readInPlaceSync(() => die(death, this.#ledger, this.#surroundings))
        if (n === null) return { kind: 'end of file' }
      }
      if (death.where === 'pending') this.#reader.read(this.#target()).catch(() => {})
    } catch (error) {
      this.#ledger.end()
      return outcomeOf(error)
    }
    die(death, this.#ledger, this.#surroundings)
    return forever()
  }
}

function bytesReadBy(error: unknown): number {
  return (error as { bytesRead?: number }).bytesRead ?? 0
}

function bytesWrittenBy(error: unknown): number {
  return (error as { bytesWritten?: number }).bytesWritten ?? 0
}
