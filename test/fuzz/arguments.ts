import fc from 'fast-check'
import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { count, FuzzFailure, type FuzzOptions, type Outcomes } from './part.ts'
import { OwnError, type Role, SAMPLES, type Sample } from './samples.ts'

/**
 * Calls with any values for arguments. One that has a wrong value throws a TypeError or a RangeError that says what is wrong, and leaves the
 * memory as it was, byte for byte; one that has not does its work. Either way the pipe is usable.
 */

interface Pipe {
  reader: PipeReader
  writer: PipeWriter
}

interface Method {
  roles: readonly Role[]
  call(p: Pipe, args: never[]): unknown
}

const READ_SYNC = ['target', 'waitOptions'] as const
const WRITE = ['source', 'asyncOptions'] as const

/** Every method that takes arguments. Their types are what this part is about, so they are let through. */
const METHODS: Record<string, Method> = {
  pipe: { roles: ['pipeOptions'], call: (_p, [options]) => pipe(options as never) },
  readSync: { roles: READ_SYNC, call: ({ reader }, [target, options]) => reader.readSync(target as never, options) },
  read: {
    roles: ['target', 'asyncOptions'],
    call: ({ reader }, [target, options]) => reader.read(target as never, options),
  },
  readInPlaceSync: {
    roles: ['callback', 'waitOptions'],
    call: ({ reader }, [use, options]) => reader.readInPlaceSync(use as never, options),
  },
  readInPlace: {
    roles: ['callback', 'asyncOptions'],
    call: ({ reader }, [use, options]) => reader.readInPlace(use as never, options),
  },
  writeSync: {
    roles: ['source', 'waitOptions'],
    call: ({ writer }, [source, options]) => writer.writeSync(source as never, options),
  },
  write: { roles: WRITE, call: ({ writer }, [source, options]) => writer.write(source as never, options) },
  writevSync: {
    roles: ['sources', 'waitOptions'],
    call: ({ writer }, [sources, options]) => writer.writevSync(sources as never, options),
  },
  writev: {
    roles: ['sources', 'asyncOptions'],
    call: ({ writer }, [sources, options]) => writer.writev(sources as never, options),
  },
  writeInPlaceSync: {
    roles: ['size', 'callback', 'waitOptions'],
    call: ({ writer }, [size, fill, options]) => writer.writeInPlaceSync(size as never, fill as never, options),
  },
  writeInPlace: {
    roles: ['size', 'callback', 'asyncOptions'],
    call: ({ writer }, [size, fill, options]) => writer.writeInPlace(size as never, fill as never, options),
  },
  closeWithError: { roles: ['ending'], call: ({ writer }, [error]) => writer.closeWithError(error) },
  abort: { roles: ['ending'], call: ({ reader }, [error]) => reader.abort(error as never) },
}

/** Both kinds; the limit of a write in place is 4096 for each. */
const KINDS = [
  { window: 4096, errorBytes: 128 },
  { capacity: 4096, errorBytes: 128 },
]

const calls = fc.constantFrom(...Object.keys(METHODS)).chain((name) =>
  fc.record({
    name: fc.constant(name),
    kind: fc.constantFrom(...KINDS),
    /** Bytes that a buffered pipe holds before. */
    stored: fc.constantFrom(0, 5, 4096),
    args: fc.tuple(...(METHODS[name] as Method).roles.map((role) => SAMPLES[role])),
  }),
)

export async function tryArguments({ cases, seed, path }: FuzzOptions, beat: Int32Array): Promise<Outcomes> {
  const outcomes: Outcomes = {}
  const property = fc.asyncProperty(calls, async ({ name, kind, stored, args }) => {
    Atomics.add(beat, 0, 1)
    const p = pipe(kind)
    if (kind.capacity !== undefined) p.writer.writeSync(new Uint8Array(stored))
    count(outcomes, `${name}: ${await tryCall(p, name, args)}`)
  })
  const details = await fc.check(property, { seed, numRuns: cases, ...(path === undefined ? {} : { path }) })
  if (details.failed) {
    const replay = `--seed ${seed} --cases ${cases} --path ${details.counterexamplePath}`
    throw new FuzzFailure('arguments', `${fc.defaultReportMessage(details)}\n${details.errorInstance}`, replay)
  }
  return outcomes
}

async function tryCall(p: Pipe, name: string, args: Sample[]): Promise<string> {
  const { roles, call } = METHODS[name] as Method
  const isCallback = (i: number): boolean => roles[i] === 'callback' && typeof args[i]?.value === 'function'
  const wrongAtOnce = args.filter(({ wrong }, i) => wrong !== undefined && !isCallback(i))
  const called = { times: 0 }
  const values = args.map(({ value }, i) => (isCallback(i) ? noted(value, called) : value))
  const memory = Buffer.from(p.reader.memory.slice(0))
  const stats = countsOf(p)
  let error: unknown
  let result: unknown
  try {
    result = await call(p, values as never[])
  } catch (thrown) {
    error = thrown
  }
  if (wrongAtOnce.length > 0) {
    mustBeRefused(error, wrongAtOnce)
    if (called.times > 0) throw new Error(`${name} called back before it threw ${error}`)
    if (!memory.equals(Buffer.from(p.reader.memory)))
      throw new Error(`${name} touched the memory before it threw ${error}`)
    await mustBeUsable(p)
    return 'refused'
  }
  const wrongInCallback = args.filter(({ wrong }) => wrong !== undefined)
  if (called.times > 0 && wrongInCallback.length > 0) {
    mustBeRefused(error, wrongInCallback)
    if (countsOf(p) !== stats) throw new Error(`${name} counted what its callback gave, and threw ${error}`)
    await mustBeUsable(p)
    return 'refused what its callback gave'
  }
  const code = (error as { code?: unknown } | undefined)?.code
  if (error !== undefined && code !== 'ERR_PIPE_TIMEOUT') throw error
  if (name === 'closeWithError' || name === 'abort') {
    await mustHaveEnded(p)
    return 'done'
  }
  const counted = result === null || typeof result === 'number'
  if (error === undefined && !counted && name !== 'pipe') throw new Error(`${name} gave ${result}`)
  await mustBeUsable(p)
  return error === undefined ? 'done' : String(code)
}

/** What must not change by a call that is refused; a time waited may. */
function countsOf({ reader }: Pipe): string {
  const { bytesWritten, bytesRead, writes, reads, buffered } = reader.stats()
  return [bytesWritten, bytesRead, writes, reads, buffered].join()
}

/** A callback that notes that it was called. */
function noted(value: unknown, called: { times: number }): unknown {
  return (...args: unknown[]) => {
    called.times += 1
    return (value as (...args: unknown[]) => unknown)(...args)
  }
}

function mustBeRefused(error: unknown, samples: Sample[]): void {
  if (error instanceof OwnError) return
  if (!samples.some(({ wrong }) => (error as Error | undefined)?.constructor === wrong))
    throw new Error(`threw ${error}`)
  const { message } = error as Error
  const says = /, not |of \d+ lent$|detached or has shrunk$|^The callback gave /.test(message)
  if (!says) throw new Error(`says only: ${message}`)
}

/** Bytes go through. */
async function mustBeUsable({ reader, writer }: Pipe): Promise<void> {
  while (reader.stats().buffered > 0) reader.readSync(new Uint8Array(4096), { timeout: 0 })
  const write = writer.write('usable', { timeout: 1000 })
  const n = await reader.read(new Uint8Array(64), { timeout: 1000 })
  if (n !== 6 || (await write) !== 6) throw new Error(`the pipe is no longer usable: it gave ${n} of 6 bytes`)
}

/** Every read says why, soon. */
async function mustHaveEnded({ reader }: Pipe): Promise<void> {
  try {
    for (;;) reader.readSync(new Uint8Array(4096), { timeout: 100 })
  } catch (error) {
    if (!(error instanceof Error) || (error as { code?: unknown }).code === 'ERR_PIPE_TIMEOUT')
      throw new Error(`ended with ${error}`)
  }
}
