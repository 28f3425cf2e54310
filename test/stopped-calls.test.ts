import { runInNewContext } from 'node:vm'
import { type PipeHandle, type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test, vi } from 'vitest'
import {
  FREE,
  HANDOFF,
  OFFERED,
  PARKED_OFFSET,
  READ_LOCK,
  STATE,
  TAKING,
  WRITE_LOCK,
  WRITER_EVENT,
} from '../src/layout.ts'
import { platform } from '../src/platform/node.ts'
import { blocking } from './support/mortals.ts'
import { counting, handleOf, PATIENT, Side, text } from './support/sides.ts'
import { failureOf, thread, until } from './support/threads.ts'

/** Calls that never come to their end: their script is stopped by a time-out of `vm`, as by Ctrl-C in a REPL, or the stack is at its end. */

const DEADLOCK = expect.objectContaining({ code: 'ERR_PIPE_DEADLOCK' })
const TIMED_OUT = { code: 'ERR_PIPE_TIMEOUT' }

const wordsOf = (half: PipeHandle): Int32Array => new Int32Array(half.memory)

/** Stops a script as somebody does who presses Ctrl-C in a REPL: nothing is caught, nothing is cleaned up. */
function stopped(script: string, scope: Record<string, unknown>, afterMs: number): void {
  const stop = (): unknown => runInNewContext(script, scope, { timeout: afterMs })
  expect(stop).toThrow(expect.objectContaining({ code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' }))
}

/** The event loop turns once. */
const turned = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test.each([
  { next: 'one', write: (writer: PipeWriter) => writer.writeSync(new Uint8Array(3).fill(2), PATIENT) },
  { next: 'one in place', write: (writer: PipeWriter) => writer.writeInPlaceSync(3, (b) => void b.fill(2), PATIENT) },
])(
  'C5: a long write whose script was stopped has stored what it has; the next, $next, goes on behind that',
  ({ write }) => {
    const { reader, writer } = pipe({ capacity: 8192 })
    const source = new Uint8Array(20_000).fill(1)
    stopped('writer.writeSync(source)', { writer, source }, 50)
    source.fill(99)
    const target = new Uint8Array(20_000)
    expect(reader.readSync(target, PATIENT)).toBe(8192)
    expect(write(writer)).toBe(3)
    expect(reader.readSync(target.subarray(8192), PATIENT)).toBe(3)
    expect([...new Set(target.subarray(0, 8195))]).toEqual([1, 2])
    expect(reader.stats()).toMatchObject({ bytesWritten: 8195, bytesRead: 8195, writes: 1 })
  },
)

test.each([
  { write: 'writeSync(bytes)', read: 'readSync(bytes)' },
  { write: 'write(bytes)', read: 'read(bytes)' },
  { write: 'writeInPlaceSync(64, () => {})', read: 'readInPlaceSync(({ length }) => Math.min(64, length))' },
])('calls whose script was stopped leave no lock that the next call does not free: $write', async ({ write, read }) => {
  // In a thread, which runs the code as it ships: here each import is a call, in which a script can be stopped as well.
  const calls = await thread().run(
    async ({ PipeReader, PipeWriter }, { handles, write, read }) => {
      const { runInThisContext } = process.getBuiltinModule('node:vm')
      // Node loads the clock at its first use: stopped amid that, it never has one.
      performance.now()
      const script = `for (;;) {
        for (let i = 0; i < 500; i += 1) writer.${write}
        for (let i = 0; i < 500; i += 1) reader.${read}
      }`
      const calls: number[] = []
      for (const [i, { memory }] of handles.entries()) {
        const scope = {
          writer: PipeWriter.from({ memory, half: 'writer' }),
          reader: PipeReader.from({ memory, half: 'reader' }),
          bytes: new Uint8Array(64),
        }
        try {
          Object.assign(globalThis, scope)
          runInThisContext(script, { timeout: 1 + (i % 4) })
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        }
        const { writes, reads } = scope.reader.stats()
        // What was stopped in a callback is left once the event loop has turned.
        await new Promise(setImmediate)
        scope.writer.writeSync(new Uint8Array(1), { timeout: 1000 })
        scope.reader.readSync(new Uint8Array(1), { timeout: 1000 })
        const { bytesWritten, bytesRead, buffered } = scope.reader.stats()
        if (bytesWritten - bytesRead !== buffered) {
          throw new Error(`${bytesWritten} bytes written, ${bytesRead} read, ${buffered} there`)
        }
        calls.push(writes + reads)
      }
      return calls
    },
    { handles: Array.from({ length: 1000 }, () => handleOf(pipe({ capacity: 65_536 }).writer)), write, read },
  )
  expect(calls.filter((made) => made > 100).length).toBeGreaterThan(100)
})

test('awaited calls whose script was stopped while others pend are left, and the others go on', async () => {
  const calls = await thread().run(
    async ({ PipeReader, PipeWriter }, { handles }) => {
      const { runInThisContext } = process.getBuiltinModule('node:vm')
      // What Node loads at its first use it never has if that is stopped.
      clearTimeout(setTimeout(() => {}, performance.now()))
      const calls: number[] = []
      for (const [i, { memory }] of handles.entries()) {
        const writer = PipeWriter.from({ memory, half: 'writer' })
        const reader = PipeReader.from({ memory, half: 'reader' })
        Object.assign(globalThis, { writer, reader, bytes: new Uint8Array(64) })
        try {
          runInThisContext('for (;;) writer.write(bytes), reader.read(bytes)', { timeout: 1 + (i % 3) })
        } catch (error) {
          if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
        }
        // The one side may be a call ahead of the other.
        const last = writer.write(new Uint8Array(64), { timeout: 5000 })
        const read = reader.read(new Uint8Array(64), { timeout: 5000 })
        await read
        if ((await Promise.race([last, new Promise((resolve) => setTimeout(resolve, 20, 'pends'))])) === 'pends') {
          await reader.read(new Uint8Array(64), { timeout: 5000 })
          await last
        }
        writer.close()
        while ((await reader.read(new Uint8Array(64), { timeout: 5000 })) !== null);
        const { bytesWritten, bytesRead, reads } = reader.stats()
        if (bytesWritten !== bytesRead) throw new Error(`${bytesWritten} bytes written, ${bytesRead} read`)
        calls.push(reads)
      }
      return calls
    },
    { handles: Array.from({ length: 200 }, () => handleOf(pipe().writer)) },
  )
  expect(calls.filter((made) => made > 10).length).toBeGreaterThan(20)
})

describe('a callback that was stopped has moved nothing, which shows once the event loop has turned', () => {
  const KINDS = [{}, { capacity: 8 }]

  test.each(KINDS.flatMap((options) => ['readInPlaceSync', 'readInPlace'].map((call) => ({ call, ...options }))))(
    '%o',
    async ({ call, ...options }) => {
      const { reader, writer } = pipe(options)
      const write = writer.write('abc', PATIENT)
      stopped(`reader.${call}(() => { for (;;); })`, { reader }, 20)
      const target = new Uint8Array(3)
      expect(() => reader.readSync(target, PATIENT)).toThrow(DEADLOCK)
      await turned()
      expect(reader.readSync(target, PATIENT)).toBe(3)
      expect(text(target)).toBe('abc')
      expect(await write).toBe(3)
      expect(reader.stats()).toMatchObject({ bytesWritten: 3, bytesRead: 3, writes: 1, reads: 1 })
    },
  )

  test.each(KINDS.flatMap((options) => ['writeInPlaceSync', 'writeInPlace'].map((call) => ({ call, ...options }))))(
    '%o',
    async ({ call, ...options }) => {
      const { reader, writer } = pipe(options)
      stopped(`writer.${call}(3, () => { for (;;); })`, { writer }, 20)
      expect(() => writer.writeSync('lost', PATIENT)).toThrow(DEADLOCK)
      await turned()
      const write = writer.write('abc', PATIENT)
      const target = new Uint8Array(4)
      expect(await reader.read(target, PATIENT)).toBe(3)
      expect(text(target.subarray(0, 3))).toBe('abc')
      expect(await write).toBe(3)
      expect(reader.stats()).toMatchObject({ bytesWritten: 3, bytesRead: 3, writes: 1, reads: 1 })
    },
  )

  test.each(
    (['close', 'closeWithError', 'abort'] as const).flatMap((end) => [false, true].map((later) => ({ end, later }))),
  )('%o leaves it, too', async ({ end, later }) => {
    const { reader, writer } = pipe()
    const write = new Side(thread(), 'blocking').write(writer, 'abc')
    await until(() => ((wordsOf(writer)[HANDOFF] as number) & STATE) === OFFERED)
    stopped('reader.readInPlaceSync(() => { for (;;); })', { reader }, 20)
    const startedMs = performance.now()
    if (later) await turned()
    reader[end](new RangeError('stop'))
    expect(await failureOf(write)).toMatchObject({
      ...(end === 'close' ? { code: 'ERR_PIPE_CLOSED' } : { message: 'stop' }),
      bytesWritten: 0,
    })
    expect(performance.now() - startedMs).toBeLessThan(5000)
  })
})

test('an awaited call that was stopped as its signal was listened to is left once the event loop has turned', async () => {
  const { reader, writer } = pipe()
  const signal = new AbortController().signal
  signal.addEventListener = () => {
    for (;;);
  }
  stopped('reader.read(new Uint8Array(3), { signal })', { reader, signal, Uint8Array }, 20)
  await turned()
  const write = writer.write('abc', PATIENT)
  const target = new Uint8Array(3)
  expect(await reader.read(target, PATIENT)).toBe(3)
  expect(text(target)).toBe('abc')
  expect(await write).toBe(3)
})

test('a read that was stopped as it had given its match back leaves the next offer alone', async () => {
  const { reader, writer } = pipe()
  const writes = new Side(thread(), 'blocking').writeAll(writer, ['abcdef', 'xyz'])
  const target = new Uint8Array(6)
  expect(reader.readSync(target.subarray(0, 4), PATIENT)).toBe(4)
  // Else there is nobody to wake as the match is given back.
  await until(() => wordsOf(writer)[WRITER_EVENT + PARKED_OFFSET] === 1)
  const at = new Int32Array(new SharedArrayBuffer(4))
  const notify = vi.spyOn(Atomics, 'notify').mockImplementation(() => Number(Atomics.wait(at, 0, 0) === 'ok'))
  const stops = { read: () => reader.readSync(target.subarray(4)) }
  try {
    stopped('read()', stops, 50)
  } finally {
    expect(notify).toHaveBeenCalled()
    notify.mockRestore()
  }
  await until(() => ((wordsOf(reader)[HANDOFF] as number) & STATE) === OFFERED)
  expect(reader.readSync(target, PATIENT)).toBe(3)
  expect(text(target.subarray(0, 3))).toBe('xyz')
  expect(await writes).toEqual([6, 3])
  expect(reader.stats()).toMatchObject({ bytesWritten: 9, bytesRead: 9 })
})

test('C6: a write whose script was stopped, and which a reader then took whole, counts', async () => {
  const { reader, writer } = pipe()
  stopped('writer.writeSync(source)', { writer, source: counting(100) }, 20)
  const read = await thread().run(
    ({ PipeReader }, handle) => PipeReader.from(handle).readSync(new Uint8Array(100), { timeout: 5000 }),
    handleOf(reader),
  )
  expect(read).toBe(100)
  await expect(writer.write('abc', { timeout: 20 })).rejects.toMatchObject({ ...TIMED_OUT, bytesWritten: 0 })
  expect(reader.stats()).toMatchObject({ bytesWritten: 100, bytesRead: 100, writes: 1, reads: 1 })
})

describe('C18: scripts are stopped anywhere in their calls, and both sides count the same', () => {
  const STOPS = 1000
  test.each(
    [
      { window: 65_536, length: 64 },
      { window: 4096, length: 10_000 },
      { window: 65_536, length: 60_000, target: 1 },
      { capacity: 4096, length: 64 },
      { capacity: 4096, length: 10_000 },
    ].flatMap((shape) => (['reader', 'writer'] as const).map((stopped) => ({ ...shape, stopped }))),
  )('%o', async ({ stopped, length, target = length, ...options }) => {
    const { reader, writer } = pipe(options)
    const over = new Int32Array(new SharedArrayBuffer(4))
    const run = (end: PipeReader | PipeWriter): Promise<number> =>
      thread().run(
        ({ PipeReader, PipeWriter }, { handle, length, target, over, stops }) => {
          const { runInThisContext } = process.getBuiltinModule('node:vm')
          // Node loads the clock at its first use: stopped amid that, it never has one.
          performance.now()
          const half = handle.half === 'reader' ? PipeReader.from(handle) : PipeWriter.from(handle)
          const bytes = new Uint8Array(handle.half === 'reader' ? target : length)
          Object.assign(globalThis, { half, over, bytes })
          const script =
            handle.half === 'reader'
              ? 'while (half.readSync(bytes) !== null);'
              : 'while (over[0] === 0) half.writeSync(bytes)'
          for (let left = stops; left > 0; left -= 1) {
            try {
              runInThisContext(script, { timeout: 1 + (left % 3) })
            } catch (error) {
              if ((error as { code?: string }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error
            }
          }
          if (stops > 0) over[0] = 1
          runInThisContext(script)
          half.close()
          const { writes, reads } = half.stats()
          return Math.max(writes, reads)
        },
        { handle: handleOf(end), length, target, over, stops: end.half === stopped ? STOPS : 0 },
      )
    for (const calls of await Promise.all([run(reader), run(writer)])) expect(calls).toBeGreaterThan(STOPS)
    const { bytesWritten, bytesRead } = reader.stats()
    expect(bytesRead).toBe(bytesWritten)
  })
})

test.each(['close', 'closeWithError', 'abort'] as const)(
  'C16: %s by a thread whose read was stopped amid a match tells the writer',
  async (end) => {
    const { reader, writer } = pipe({ window: 4096 })
    const write = new Side(thread(), 'blocking').write(writer, counting(10_000))
    await until(() => ((new Int32Array(reader.memory)[HANDOFF] as number) & STATE) === OFFERED)
    const stops = { readInto: (bytes: Uint8Array) => reader.readSync(bytes) }
    const stoppedAt = new Int32Array(new SharedArrayBuffer(4))
    const copy = vi.spyOn(platform, 'copy').mockImplementation(() => void Atomics.wait(stoppedAt, 0, 0))
    try {
      stopped('readInto(new Uint8Array(10_000))', stops, 20)
    } finally {
      copy.mockRestore()
    }
    expect((new Int32Array(reader.memory)[HANDOFF] as number) & STATE).toBe(TAKING)
    reader[end](new RangeError('stop'))
    expect(await failureOf(write)).toMatchObject(end === 'close' ? { code: 'ERR_PIPE_CLOSED' } : { message: 'stop' })
  },
)

/** Calls `call` from where the stack has hardly any room left, with frames of many sizes before it. @returns how often it failed for that */
function nearTheStacksEnd(call: () => void): number {
  let overflows = 0
  for (let size = 0; size < 80; size += 1) {
    let calls = 0
    const onUnwinding = (): void => {
      calls += 1
      try {
        if (calls < 200) call()
      } catch (error) {
        if (error instanceof RangeError) overflows += 1
      }
    }
    const names = Array.from({ length: size }, (_, i) => `a${i}`).join()
    // The compiler knows no functions with so many parameters.
    new Function('onUnwinding', `(function dive(${names}) { try { dive(${names}) } catch {} onUnwinding() })()`)(
      onUnwinding,
    )
  }
  return overflows
}

test.each(['reader', 'writer'] as const)(
  'a lock that a call of a %s could not give up, since it overflowed the stack, is free after the next',
  async (half) => {
    const { reader, writer } = pipe({ capacity: 1 << 20 })
    writer.writeSync(new Uint8Array(1 << 19))
    const bytes = new Uint8Array(1)
    const lock = half === 'reader' ? READ_LOCK : WRITE_LOCK
    const call = (): number | null => (half === 'reader' ? reader.readSync(bytes) : writer.writeSync(bytes))
    expect(nearTheStacksEnd(call)).toBeGreaterThan(100)
    expect(call()).toBe(1)
    expect(wordsOf(writer)[lock]).toBe(FREE)
    expect((await blocking(half === 'reader' ? reader : writer, 1)).value).toBe(1)
  },
)

/** Makes a call for which there is no stack left as it takes its lock. @returns what it has thrown */
function failureWithoutStack(call: () => unknown): unknown {
  vi.spyOn(Atomics, 'compareExchange').mockImplementationOnce(() => {
    throw new RangeError('no room')
  })
  try {
    call()
    return undefined
  } catch (error) {
    return error
  } finally {
    vi.restoreAllMocks()
  }
}

test.each([
  { what: 'a write to a buffer', half: 'writer', options: { capacity: 4096 } },
  { what: 'a write in place', half: 'writer', inPlace: true, options: { capacity: 4096 } },
  { what: 'a read from a buffer', half: 'reader', options: { capacity: 4096 } },
  { what: 'a read', half: 'reader', options: {} },
] as const)(
  '$what whose stack ends before it has its lock has moved nothing, whatever the one before it has',
  async ({ half, options, ...rest }) => {
    const { reader, writer } = pipe(options)
    const target = new Uint8Array(100)
    const call = (bytes: Uint8Array): number | null => {
      if ('inPlace' in rest) return writer.writeInPlaceSync(bytes.length, () => {}, PATIENT)
      return half === 'reader' ? reader.readSync(bytes, PATIENT) : writer.writeSync(bytes, PATIENT)
    }
    const write = half === 'reader' ? writer.write(new Uint8Array(100), PATIENT) : undefined
    expect(call(target)).toBe(100)
    await write
    const thrown = failureWithoutStack(() => call(target.subarray(0, 50)))
    expect(thrown).toMatchObject({ message: 'no room' })
    const { bytesWritten = 0, bytesRead = 0 } = thrown as { bytesWritten?: number; bytesRead?: number }
    expect([bytesWritten, bytesRead]).toEqual([0, 0])
  },
)

test.each([
  { next: 'a write', write: (writer: PipeWriter) => writer.writeSync('abc') },
  { next: 'a write in place', write: (writer: PipeWriter) => writer.writeInPlaceSync(3, () => {}) },
])('what a stopped write has stored is not said of the next, $next that cannot begin', ({ write }) => {
  const { reader, writer } = pipe({ capacity: 8192 })
  stopped('writer.writeSync(source)', { writer, source: new Uint8Array(20_000) }, 50)
  const thrown = failureWithoutStack(() => write(writer))
  expect(thrown).toMatchObject({ message: 'no room' })
  expect((thrown as { bytesWritten?: number }).bytesWritten ?? 0).toBe(0)
  expect(reader.readSync(new Uint8Array(8192), PATIENT)).toBe(8192)
  expect(write(writer)).toBe(3)
  expect(writer.stats()).toMatchObject({ bytesWritten: 8195, writes: 1 })
})

test('a copy whose stack ends before its next piece says what had been copied', () => {
  const { writer } = pipe({ capacity: 8192 })
  const source = {
    readSync: (): number => {
      // Asked for as the next piece begins.
      vi.spyOn(Math, 'ceil').mockImplementationOnce(() => {
        throw new RangeError('no room')
      })
      return 7
    },
  }
  try {
    const copied = expect.objectContaining({ message: 'no room', bytesWritten: 7 })
    expect(() => writer.readFromSync(source)).toThrow(copied)
  } finally {
    vi.restoreAllMocks()
  }
})

test.each([
  { step: 'store', bytesRead: 0, capacity: 8 },
  { step: 'compareExchange', bytesRead: 3 },
] as const)(
  'a read in place whose stack ends as it settles says what counts: $step',
  async ({ step, bytesRead, ...options }) => {
    const { reader, writer } = pipe(options)
    const write = writer.write('abc', PATIENT)
    const overflow = new RangeError('no room')
    const use = (): void => {
      vi.spyOn(Atomics, step).mockImplementationOnce(() => {
        throw overflow
      })
    }
    let thrown: unknown
    try {
      reader.readInPlaceSync(use, PATIENT)
    } catch (error) {
      thrown = error
    } finally {
      vi.restoreAllMocks()
    }
    expect(thrown).toBe(overflow)
    expect((thrown as { bytesRead?: number }).bytesRead ?? 0).toBe(bytesRead)
    expect(await write).toBe(3)
    expect(reader.stats().bytesRead).toBe(bytesRead)
    if (bytesRead === 0) expect(reader.readSync(new Uint8Array(8), PATIENT)).toBe(3)
  },
)

test.each(['reader', 'writer'] as const)(
  'a call of a %s that overflows the stack as it gets a contended lock leaves it to the next call, and to others',
  async (half) => {
    const { reader, writer } = pipe()
    const calls = [reader, writer].map((end) =>
      thread().run(
        ({ PipeReader, PipeWriter }, { handle }) => {
          const bytes = new Uint8Array(100)
          let calls = 0
          try {
            const [reader, writer] =
              handle.half === 'reader' ? [PipeReader.from(handle)] : [undefined, PipeWriter.from(handle)]
            for (; ; calls += 1) {
              reader?.readSync(bytes)
              writer?.writeSync(bytes)
            }
          } catch (error) {
            if ((error as { code?: string }).code !== 'ERR_PIPE_CLOSED') throw error
          }
          return calls
        },
        { handle: handleOf(end) },
      ),
    )
    const bytes = new Uint8Array(100)
    const call = (): number | null =>
      half === 'reader' ? reader.readSync(bytes, PATIENT) : writer.writeSync(bytes, PATIENT)
    for (let i = 0; i < 2000; i += 1) call()
    let overflows = 0
    for (const endMs = performance.now() + 2000; performance.now() < endMs; ) {
      let calls = 0
      const dive = (): void => {
        try {
          dive()
        } catch {}
        calls += 1
        if (calls > 80) return
        try {
          call()
        } catch (error) {
          if (!(error instanceof RangeError)) throw error
          overflows += 1
        }
      }
      dive()
      expect(call()).toBe(100)
    }
    expect(overflows).toBeGreaterThan(100)
    reader.close()
    writer.close()
    for (const made of await Promise.all(calls)) expect(made).toBeGreaterThan(1000)
  },
)
