import { type PipeHandle, type PipeReader, pipe } from 'threadpipe'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { HANDOFF, LENT, OFFERED, READ_LOCK, STATE, TAKING, WAITERS_OFFSET, WRITE_LOCK } from '../src/layout.ts'
import {
  blocking,
  endMortals,
  expectInTime,
  expectMostInTime,
  Mortal,
  nowMs,
  outcome,
  PEER_EXITED,
  WAYS,
} from './support/mortals.ts'
import { handleOf, PATIENT } from './support/sides.ts'
import { until } from './support/threads.ts'

/** C28: a thread that dies holding a half is never a hang, and never a silent end of file. */

const EXITED = expect.objectContaining({ code: 'ERR_PIPE_PEER_EXITED' })
const KIB = 1024

afterEach(endMortals)
afterAll(expectMostInTime)

const wordOf = (half: PipeHandle, word: number): number => Atomics.load(new Int32Array(half.memory), word)
const stateOf = (half: PipeHandle): number => wordOf(half, HANDOFF) & STATE
const waiting = (half: PipeHandle, lock: number) => wordOf(half, lock + WAITERS_OFFSET) !== 0

const LITTLE_MEMORY = { resourceLimits: { maxOldGenerationSizeMb: 64 } }

describe('however it dies', () => {
  test.each(WAYS)('%s: every peer that waits learns of it in time, and gets stored bytes first', async (way) => {
    const [silent, unread, asked] = [pipe(), pipe(), pipe()]
    const [stored, full] = [pipe({ capacity: 8 }), pipe({ capacity: 4 })]
    full.writer.writeSync('full')
    const mortal = new Mortal(
      ({ PipeReader, PipeWriter }, { writers, readers, stored, way }, life) => {
        for (const writer of writers) PipeWriter.from(writer)
        for (const reader of readers) PipeReader.from(reader)
        PipeWriter.from(stored).writeSync('ab')
        life.ready()
        life.park()
        life.die(way)
      },
      {
        writers: [silent, asked].map(({ writer }) => handleOf(writer)),
        readers: [unread, full].map(({ reader }) => handleOf(reader)),
        stored: handleOf(stored.writer),
        way,
      },
      way === 'out of memory' ? LITTLE_MEMORY : {},
    )
    await mortal.ready()
    const target = new Uint8Array(4)
    expect(await stored.reader.read(target, PATIENT)).toBe(2)
    const survivors = [
      silent.reader.read(new Uint8Array(4), PATIENT),
      stored.reader.read(new Uint8Array(4), PATIENT),
      unread.writer.write('never read', PATIENT),
      full.writer.write('more', PATIENT),
    ].map(outcome)
    survivors.push(blocking(asked.reader, 4))
    await until(() => wordOf(asked.reader, READ_LOCK) !== 0)
    if (way === 'terminate') void mortal.terminate()
    else mortal.tell()
    const goneMs = await mortal.gone()
    for (const { value, atMs } of await Promise.all(survivors)) {
      expect(value).toEqual(EXITED)
      expectInTime(goneMs, atMs)
    }
    // For good, and never an end of file.
    expect(() => silent.reader.readSync(target, PATIENT)).toThrow(expect.objectContaining(PEER_EXITED))
    expect(() => full.writer.writeSync('x', PATIENT)).toThrow(expect.objectContaining({ bytesWritten: 0 }))
  })
})

describe('where no event loop turns', () => {
  test.each(WAYS)('%s, while the main thread blocks in a read, then in writes', async (way) => {
    const [read, written, full] = [pipe({ capacity: 4 }), pipe(), pipe({ capacity: 4 })]
    const mortal = new Mortal(
      ({ PipeReader, PipeWriter }, { handles: [read, written, full], way }, life) => {
        PipeWriter.from(read as PipeHandle).writeSync('ab')
        PipeReader.from(written as PipeHandle)
        PipeReader.from(full as PipeHandle)
        life.ready()
        life.park()
        life.die(way, 30)
      },
      { handles: [read.writer, written.reader, full.reader].map(handleOf), way },
      way === 'out of memory' ? LITTLE_MEMORY : {},
    )
    await mortal.ready()
    const { tid } = mortal
    expect(tid).toBeGreaterThan(0)
    if (way === 'terminate') void mortal.terminate()
    else mortal.tell()
    const exited = expect.objectContaining(PEER_EXITED)
    expect(read.reader.readSync(new Uint8Array(4), PATIENT)).toBe(2)
    expect(() => read.reader.readSync(new Uint8Array(4), PATIENT)).toThrow(exited)
    expect(() => written.writer.writeSync('x', PATIENT)).toThrow(exited)
    expect(() => full.writer.writeSync('four+', PATIENT)).toThrow(exited)
  })

  test('between two workers, while the main thread waits for their result', async () => {
    const { reader, writer } = pipe()
    const board = new Int32Array(new SharedArrayBuffer(8))
    const survivor = new Mortal(
      ({ PipeReader }, { handle, board }, life) => {
        const reader = PipeReader.from(handle)
        life.ready()
        try {
          reader.readSync(new Uint8Array(4), { timeout: 10_000 })
        } catch (error) {
          Atomics.store(board, 0, (error as { code: string }).code === 'ERR_PIPE_PEER_EXITED' ? 1 : 2)
        }
        Atomics.notify(board, 0)
      },
      { handle: handleOf(reader), board },
    )
    const mortal = new Mortal(({ PipeWriter }, handle, life) => {
      PipeWriter.from(handle)
      life.ready()
      life.park()
      life.die('process.exit')
    }, handleOf(writer))
    await Promise.all([survivor.ready(), mortal.ready()])
    mortal.tell()
    Atomics.wait(board, 0, 0, 10_000)
    expect(board[0]).toBe(1)
  })
})

describe('whatever it was doing', () => {
  test('blocked in a write that was partly read, with others queued: all get the error', async () => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(({ PipeWriter }, handle) => PipeWriter.from(handle).writeSync('abcdef'), handleOf(writer))
    await until(() => stateOf(writer) === OFFERED)
    const queued = blocking(writer, 1)
    await until(() => waiting(writer, WRITE_LOCK))
    const queuedHere = outcome(writer.write('C', PATIENT))
    expect(await reader.read(new Uint8Array(4), PATIENT)).toBe(4)
    void mortal.terminate()
    const goneMs = await mortal.gone()
    for (const { value, atMs } of await Promise.all([queued, queuedHere])) {
      expect(value).toEqual({ code: 'ERR_PIPE_PEER_EXITED', bytesRead: undefined, bytesWritten: 0 })
      expectInTime(goneMs, atMs)
    }
    await expect(reader.read(new Uint8Array(4), PATIENT)).rejects.toMatchObject(PEER_EXITED)
  })

  test('blocked in a write that is in the window as a whole: who reads first gets it, then the error', async () => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(({ PipeWriter }, handle) => PipeWriter.from(handle).writeSync('abcdef'), handleOf(writer))
    await until(() => stateOf(writer) === OFFERED)
    await mortal.terminate()
    expect(reader.readSync(new Uint8Array(4), PATIENT)).toBe(4)
    expect(await reader.read(new Uint8Array(4), PATIENT)).toBe(2)
    expect((await outcome(reader.read(new Uint8Array(4), PATIENT))).value).toEqual(EXITED)
  })

  test('amid a long match, its event loop held up: the readers get the error with what they have', async () => {
    const pipes = [pipe({ window: 64 * KIB }), pipe({ window: 64 * KIB })]
    const mortal = new Mortal(
      ({ PipeWriter }, handles, life) => {
        for (const handle of handles)
          void PipeWriter.from(handle)
            .write(new Uint8Array(1 << 20))
            .catch(() => {})
        life.ready()
        life.park()
      },
      pipes.map(({ writer }) => handleOf(writer)),
    )
    // Now the windows are full, and nobody fills them again.
    await mortal.ready()
    const [first, second] = pipes.map(({ reader }) => reader) as [PipeReader, PipeReader]
    const survivors = [outcome(first.read(new Uint8Array(1 << 20), PATIENT)), blocking(second, 1 << 20)]
    await until(() => stateOf(first) === TAKING && stateOf(second) === TAKING)
    void mortal.terminate()
    const goneMs = await mortal.gone()
    for (const { value, atMs } of await Promise.all(survivors)) {
      expect(value).toEqual({ code: 'ERR_PIPE_PEER_EXITED', bytesRead: 64 * KIB, bytesWritten: undefined })
      expectInTime(goneMs, atMs)
    }
  })

  test('amid copies, at any moment: what has come is right, and then comes the error', async () => {
    const [down, up] = [pipe({ window: 64 * KIB }), pipe()]
    const mortals = [
      new Mortal(({ PipeWriter }, handle) => {
        const writer = PipeWriter.from(handle)
        const source = Uint8Array.from({ length: 1 << 20 }, (_, i) => i % 251)
        for (;;) writer.writeSync(source)
      }, handleOf(down.writer)),
      new Mortal(({ PipeReader }, handle) => {
        const reader = PipeReader.from(handle)
        for (const target = new Uint8Array(300_000); ; ) reader.readSync(target)
      }, handleOf(up.reader)),
    ]
    const readAll = async (): Promise<unknown> => {
      const target = new Uint8Array(1 << 20)
      const right = Uint8Array.from(target, (_, i) => i % 251)
      for (let reads = 0; ; reads += 1) {
        const n = await down.reader.read(target, PATIENT)
        if (n === null || Buffer.compare(target, right) !== 0) return 'wrong'
        if (reads === 20) void mortals[0]?.terminate()
      }
    }
    const writeAll = async (): Promise<unknown> => {
      for (let writes = 0; ; writes += 1) {
        await up.writer.write(new Uint8Array(1 << 20), PATIENT)
        if (writes === 20) void mortals[1]?.terminate()
      }
    }
    const survivors = await Promise.all([outcome(readAll()), outcome(writeAll())])
    for (const { value } of survivors) expect(value).toEqual(EXITED)
    expect(up.writer.stats().bytesWritten).toBeGreaterThanOrEqual(21 << 20)
  })

  test('inside the callback of a read in place, with others queued: the match is lost, all get the error', async () => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(
      ({ PipeReader }, handle, life) => PipeReader.from(handle).readInPlaceSync(() => life.park()),
      handleOf(reader),
    )
    const write = outcome(writer.write('abcdef', PATIENT))
    await until(() => stateOf(reader) === LENT)
    const queued = blocking(reader, 4)
    await until(() => waiting(reader, READ_LOCK))
    void mortal.terminate()
    const goneMs = await mortal.gone()
    for (const { value, atMs } of [await write, await queued]) {
      expect(value).toEqual(EXITED)
      expectInTime(goneMs, atMs)
    }
    expect((await write).value).toMatchObject({ bytesWritten: 0 })
  })

  test('blocked in a write to a full buffer, with others queued: stored bytes come first, then the error for all', async () => {
    const { reader, writer } = pipe({ capacity: 4 })
    const mortal = new Mortal(
      ({ PipeWriter }, handle) => PipeWriter.from(handle).writeSync(new Uint8Array(8192).fill(7)),
      handleOf(writer),
    )
    await until(() => reader.stats().buffered === 4)
    const queued = blocking(writer, 1)
    await until(() => waiting(writer, WRITE_LOCK))
    void mortal.terminate()
    const goneMs = await mortal.gone()
    const { value, atMs } = await queued
    expect(value).toMatchObject({ code: 'ERR_PIPE_PEER_EXITED', bytesWritten: 0 })
    expectInTime(goneMs, atMs)
    const target = new Uint8Array(8)
    expect(reader.readSync(target, PATIENT)).toBe(4)
    expect([...target]).toEqual([7, 7, 7, 7, 0, 0, 0, 0])
    await expect(reader.read(target, PATIENT)).rejects.toMatchObject(PEER_EXITED)
  })

  test.each(['terminate', 'process.exit'] as const)('computing, with awaited calls pending: %s', async (way) => {
    const [read, written, stored] = [pipe(), pipe(), pipe({ capacity: 4 })]
    const mortal = new Mortal(
      ({ PipeReader, PipeWriter }, { handles: [read, written, stored], way }, life) => {
        for (const handle of [read, stored] as PipeHandle[]) {
          void PipeReader.from(handle)
            .read(new Uint8Array(4))
            .catch(() => {})
        }
        void PipeWriter.from(written as PipeHandle)
          .write('pending')
          .catch(() => {})
        life.ready()
        while (!life.told());
        life.die(way)
      },
      { handles: [read.reader, written.writer, stored.reader].map(handleOf), way },
    )
    await mortal.ready()
    stored.writer.writeSync('full')
    const survivors = [read.writer.write('x', PATIENT), stored.writer.write('more', PATIENT)].map(outcome)
    if (way === 'terminate') void mortal.terminate()
    else mortal.tell()
    const goneMs = await mortal.gone()
    for (const { value, atMs } of await Promise.all(survivors)) {
      expect(value).toEqual(EXITED)
      expectInTime(goneMs, atMs)
    }
    expect(await written.reader.read(new Uint8Array(9), PATIENT)).toBe(7)
    await expect(written.reader.read(new Uint8Array(9), PATIENT)).rejects.toMatchObject(PEER_EXITED)
  })

  test('holding many halves: each peer learns of it', async () => {
    const pipes = Array.from({ length: 40 }, (_, i) => pipe({ capacity: i % 2 }))
    const mortal = new Mortal(
      ({ PipeWriter }, handles, life) => {
        for (const handle of handles) PipeWriter.from(handle)
        life.ready()
        life.park()
      },
      pipes.map(({ writer }) => handleOf(writer)),
    )
    await mortal.ready()
    const survivors = pipes.map(({ reader }) => outcome(reader.read(new Uint8Array(1), PATIENT)))
    void mortal.terminate()
    const goneMs = await mortal.gone()
    const outcomes = await Promise.all(survivors)
    for (const { value } of outcomes) expect(value).toEqual(EXITED)
    expectInTime(goneMs, Math.max(...outcomes.map(({ atMs }) => atMs)))
  })

  test('its peers never wait for long, but come again and again', async () => {
    const pipes = Array.from({ length: 4 }, () => pipe())
    const mortal = new Mortal(
      ({ PipeReader }, handles, life) => {
        for (const handle of handles) PipeReader.from(handle)
        life.ready()
        life.park()
      },
      pipes.map(({ reader }) => handleOf(reader)),
    )
    await mortal.ready()
    void mortal.terminate()
    const goneMs = await mortal.gone()
    const keepTrying = async (i: number): Promise<unknown> => {
      const { writer } = pipes[i] as (typeof pipes)[number]
      const timeout = i < 2 ? 0 : 5
      for (const untilMs = nowMs() + 10_000; nowMs() < untilMs; ) {
        const call = i % 2 === 0 ? writer.write('x', { timeout }) : attempt(() => writer.writeSync('x', { timeout }))
        const { value } = await outcome(call)
        if ((value as { code: unknown }).code !== 'ERR_PIPE_TIMEOUT') return value
        await new Promise((resolve) => setTimeout(resolve, 1))
      }
      return 'nothing'
    }
    const learned = await Promise.all(pipes.map((_, i) => outcome(keepTrying(i))))
    for (const { value, atMs } of learned) {
      expect(value).toEqual(EXITED)
      expectInTime(goneMs, atMs)
    }
  })
})

async function attempt(call: () => number): Promise<number> {
  return call()
}
