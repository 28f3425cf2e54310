import type { PipeReader, PipeWriter } from 'threadpipe'
import { type Board, BUFFERED, CLOCK, STEP } from './board.ts'
import { type Gate, Stopped } from './gate.ts'
import type { Races } from './races.ts'

/** What a part of a scenario did, and what came of it. */
export interface Event {
  op: 'write' | 'read' | 'close' | 'fail' | 'abort'
  half?: 'reader' | 'writer' | undefined
  /** Which write: its bytes carry the number. */
  id?: number | undefined
  asked?: number | undefined
  /** What the call gave: bytes, or null for the end of file; undefined if it threw. */
  n?: number | null | undefined
  /** The bytes that a read gave. */
  bytes?: number[] | undefined
  /** The code, or else the message, of what it threw. */
  error?: string | undefined
  /** bytesWritten or bytesRead of what it threw. */
  progress?: number | undefined
  /** Steps of the schedule before and after the call. */
  from: number
  to: number
  /** Virtual time at the end of the call, in ms. */
  atMs: number
}

interface Options {
  timeout?: number
  signal?: AbortSignal
}

const POISON = 0xff
/** A word of the header that the pipe does not use. */
const SPARE_WORD = 15
/** A step that no schedule comes to. */
const NEVER = 1e9

/** What the parts of scenarios act with: the calls of a pipe, each noted with what came of it. */
export class Actor {
  readonly #me: number
  readonly #memory: SharedArrayBuffer
  readonly #board: Board
  readonly #gate: Gate
  readonly #races: Races
  readonly #threadpipe: { PipeReader: typeof PipeReader; PipeWriter: typeof PipeWriter }
  #events: Event[] = []
  #writer: PipeWriter | undefined
  #reader: PipeReader | undefined
  #bits = 6
  #targets: { target: Uint8Array; copy: Uint8Array }[] = []

  constructor(options: {
    me: number
    memory: SharedArrayBuffer
    board: Board
    gate: Gate
    races: Races
    threadpipe: { PipeReader: typeof PipeReader; PipeWriter: typeof PipeWriter }
  }) {
    this.#me = options.me
    this.#memory = options.memory
    this.#board = options.board
    this.#gate = options.gate
    this.#races = options.races
    this.#threadpipe = options.threadpipe
  }

  begin(bits: number): void {
    this.#events = []
    this.#targets = []
    this.#gate.mayWait = true
    this.#races.paused = false
    this.#bits = bits
    this.#writer = undefined
    this.#reader = undefined
  }

  end(): void {
    for (const { target, copy } of this.#targets) {
      for (let i = 0; i < target.length; i += 1) {
        if (target[i] !== copy[i]) this.#gate.fail('a target was touched after its read had ended (C5)')
      }
    }
    this.#board.writeLog(this.#me, this.#events)
  }

  get writer(): PipeWriter {
    this.#writer ??= this.#gate.apart(() => this.#threadpipe.PipeWriter.from({ memory: this.#memory, half: 'writer' }))
    return this.#writer
  }

  get reader(): PipeReader {
    this.#reader ??= this.#gate.apart(() => this.#threadpipe.PipeReader.from({ memory: this.#memory, half: 'reader' }))
    return this.#reader
  }

  /** The bytes of write `id`: each says which write it is of, and where it stands in it. */
  bytes(id: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 1) bytes[i] = (id << this.#bits) | (i & ((1 << this.#bits) - 1))
    return bytes
  }

  writeSync(id: number, length: number, options?: Options): void {
    const source = this.bytes(id, length)
    this.#callSync('write', id, length, () => this.writer.writeSync(source, options))
    source.fill(POISON)
  }

  async write(id: number, length: number, options?: Options): Promise<void> {
    const source = this.bytes(id, length)
    await this.#call('write', id, length, () => this.writer.write(source, options))
    source.fill(POISON)
  }

  writevSync(id: number, lengths: number[], options?: Options): void {
    const length = lengths.reduce((sum, n) => sum + n, 0)
    const source = this.bytes(id, length)
    const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, n) => sum + n, 0))
    const pieces = ends.map((end, i) => source.subarray(end - (lengths[i] as number), end))
    this.#callSync('write', id, length, () => this.writer.writevSync(pieces, options))
  }

  /** @param amid what is done while the bytes are lent */
  writeInPlaceSync(id: number, size: number, options?: Options, amid?: () => void): void {
    const source = this.bytes(id, size)
    this.#callSync('write', id, size, () =>
      this.writer.writeInPlaceSync(
        size,
        (lent) => {
          this.#races.write(lent.byteOffset, lent.length)
          lent.set(source)
          amid?.()
        },
        options,
      ),
    )
  }

  readSync(length: number, options?: Options): Event {
    const target = new Uint8Array(length)
    const event = this.#callSync('read', undefined, length, () => this.reader.readSync(target, options))
    return this.#gave(event, target)
  }

  async read(length: number, options?: Options): Promise<Event> {
    const target = new Uint8Array(length)
    const event = await this.#call('read', undefined, length, () => this.reader.read(target, options))
    return this.#gave(event, target)
  }

  /** Consumes at most `most` of the bytes that it is lent. */
  readInPlaceSync(most: number, options?: Options): Event {
    let bytes: number[] = []
    const event = this.#callSync('read', undefined, most, () =>
      this.reader.readInPlaceSync((lent) => {
        this.#races.read(lent.byteOffset, lent.length)
        bytes = Array.from(lent.subarray(0, most))
        for (const value of bytes) this.#board.taken[value] = (this.#board.taken[value] as number) + 1
        return bytes.length
      }, options),
    )
    event.bytes = bytes
    return event
  }

  /** Reads until the end of the file, or a failure. */
  readAllSync(length: number, options?: Options): void {
    while (typeof this.readSync(length, options).n === 'number');
  }

  async readAll(length: number, options?: Options): Promise<void> {
    while (typeof (await this.read(length, options)).n === 'number');
  }

  close(half: 'reader' | 'writer'): void {
    this.#end('close', half, () => this[half].close())
  }

  closeWithError(half: 'reader' | 'writer', message: string): void {
    this.#end('fail', half, () => this[half].closeWithError(new RangeError(message)))
  }

  abort(half: 'reader' | 'writer', message: string): void {
    this.#end('abort', half, () => this[half].abort(new RangeError(message)))
  }

  /** Waits for another part, by other means than the pipe. */
  awaitSignal(): void {
    const words = new Int32Array(this.#memory)
    while (Atomics.load(words, SPARE_WORD) === 0) Atomics.wait(words, SPARE_WORD, 0)
  }

  signal(): void {
    const words = new Int32Array(this.#memory)
    Atomics.store(words, SPARE_WORD, 1)
    Atomics.notify(words, SPARE_WORD)
  }

  /** Looks, which never waits, and may look at what is just being changed (C32). */
  stats(): void {
    this.#races.paused = true
    this.#gate.mayWait = false
    this.reader.stats()
    this.#gate.mayWait = true
    this.#races.paused = false
  }

  /** Noted before it is done: its thread may die over it. */
  #end(op: Event['op'], half: 'reader' | 'writer', close: () => void): void {
    const event = this.#begun(op, half, undefined, undefined)
    event.to = NEVER
    this.#events.push(event)
    this.#gate.mayWait = false
    close()
    this.#gate.mayWait = true
    this.#over(event)
    this.#gate.trace(() => `${op} of the ${half}`)
  }

  #callSync(op: Event['op'], id: number | undefined, asked: number, call: () => number | null): Event {
    const event = this.#begun(op, undefined, id, asked)
    try {
      event.n = call()
    } catch (error) {
      this.#failed(event, error)
    }
    return this.#note(event)
  }

  async #call(op: Event['op'], id: number | undefined, asked: number, call: () => Promise<number | null>) {
    const event = this.#begun(op, undefined, id, asked)
    try {
      event.n = await call()
    } catch (error) {
      this.#failed(event, error)
    }
    return this.#note(event)
  }

  #begun(op: Event['op'], half: Event['half'], id: number | undefined, asked: number | undefined): Event {
    const from = this.#board.flags[STEP] as number
    const [n, bytes, error, progress] = [undefined, undefined, undefined, undefined]
    return { op, half, id, asked, n, bytes, error, progress, from, to: 0, atMs: 0 }
  }

  #over(event: Event): void {
    event.to = this.#board.flags[STEP] as number
    event.atMs = this.#board.times[CLOCK] as number
  }

  #failed(event: Event, error: unknown): void {
    if (error instanceof Stopped) throw error
    const { code, message, name, bytesWritten, bytesRead } = error as Error & {
      code?: string
      bytesWritten?: number
      bytesRead?: number
    }
    event.error = typeof code === 'string' ? code : `${name}: ${message}`
    event.progress = bytesWritten ?? bytesRead ?? 0
  }

  #note(event: Event): Event {
    const { op, id, asked, half, error, n } = event
    this.#over(event)
    this.#gate.trace(() => `${op}${id === undefined ? '' : ` ${id}`}(${asked ?? half}) gives ${error ?? n}`)
    if (op === 'write' && error === undefined) this.#checkTaken(event)
    this.#events.push(event)
    return event
  }

  /** C1: a rendezvous write returns when readers have its bytes. */
  #checkTaken({ id, asked }: Event): void {
    if (this.#board.flags[BUFFERED] === 1) return
    for (const value of this.bytes(id ?? 0, asked ?? 0)) {
      if (this.#board.taken[value] === 0)
        this.#gate.fault(`write ${id} returned, but nobody has taken its byte ${value} (C1)`)
    }
  }

  #gave(event: Event, target: Uint8Array): Event {
    const n = event.error === undefined ? (event.n ?? 0) : (event.progress ?? 0)
    event.bytes = []
    for (let i = 0; i < n; i += 1) event.bytes.push(target[i] as number)
    this.#targets.push({ target, copy: target.slice() })
    return event
  }
}
