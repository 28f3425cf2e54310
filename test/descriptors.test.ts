import { execFileSync, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { copy, copySync, pipe, readAllSync } from 'threadpipe'
import { fdReader, fdWriter } from 'threadpipe/node'
import { afterAll, describe, expect, test } from 'vitest'
import { counting, handleOf, PATIENT, Side } from './support/sides.ts'
import { relay, thread } from './support/threads.ts'

const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const original = join(folder, 'original')
const bytes = randomBytes(5_000_000)
writeFileSync(original, bytes)
const hash = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** Opens for the length of a callback. */
async function opened<T>(path: string, flags: string | number, use: (fd: number) => T): Promise<Awaited<T>> {
  const fd = openSync(path, flags)
  try {
    return await use(fd)
  } finally {
    closeSync(fd)
  }
}

describe.each([{ capacity: 0 }, { capacity: 100_000 }, { capacity: 1 }])('a file through a pipe: %o', (options) => {
  test.each(['blocking', 'awaited'] as const)('straight into the shared memory and out of it, %s', async (kind) => {
    const { reader, writer } = pipe(options)
    const source = options.capacity === 1 ? join(folder, 'short') : original
    if (options.capacity === 1) writeFileSync(source, bytes.subarray(0, 5000))
    const target = join(folder, `copy-${kind}-${options.capacity}`)
    // The thread runs functions of the core only, so this side is the one with descriptors.
    const relayed = pipe(options)
    const copied = relay(reader, relayed.writer)
    const size = readFileSync(source).length
    const into = opened(source, 'r', async (fd) => {
      const n = await copy(writer, fdReader(fd))
      writer.close()
      return n
    })
    const out = opened(target, 'w', (fd) => copy(fdWriter(fd), relayed.reader))
    expect([await into, await copied, await out]).toEqual([size, size, size])
    expect(hash(readFileSync(target))).toBe(hash(readFileSync(source)))
  })
})

test('blocking copies between a file and a pipe, with the other end in a thread', async () => {
  const { reader, writer } = pipe()
  const read = thread().run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
    handle: handleOf(reader),
  })
  expect(await opened(original, 'r', (fd) => copySync(writer, fdReader(fd)))).toBe(bytes.length)
  writer.close()
  expect(hash(await read)).toBe(hash(bytes))

  const back = pipe()
  const sent = new Side(thread(), 'blocking').writeAll(back.writer, [counting(100_000), counting(5)])
  const closing = sent.then(() => back.writer.close())
  const target = join(folder, 'blocking')
  // Blocks this thread, so the writer's close is left to another.
  const closer = thread().run(
    ({ PipeWriter }, { handle }) => {
      const writer = PipeWriter.from(handle)
      while (writer.stats().writes < 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
      writer.close()
    },
    { handle: handleOf(back.writer) },
  )
  expect(await opened(target, 'w', (fd) => copySync(fdWriter(fd), back.reader))).toBe(100_005)
  await Promise.all([closing, closer])
  expect(readFileSync(target).equals(Buffer.concat([counting(100_000), counting(5)]))).toBe(true)
})

describe('descriptors that do not block', () => {
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])

  test.each(['blocking', 'awaited'] as const)('EAGAIN is waited for, %s', async (kind) => {
    const r = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const w = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    try {
      const late = once(spawn('sh', ['-c', `sleep 0.2; printf late > ${fifo}`]), 'close')
      const target = new Uint8Array(64)
      const n = kind === 'blocking' ? fdReader(r).readSync(target) : await fdReader(r).read(target)
      expect(Buffer.from(target.subarray(0, n as number)).toString()).toBe('late')
      await late
      // More than the kernel's pipe holds: short writes, then EAGAIN, until somebody reads.
      const drain = spawn('sh', ['-c', `sleep 0.2; head -c 300000 ${fifo} | wc -c`], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const drained = drain.stdout.toArray()
      const big = counting(300_000)
      expect(kind === 'blocking' ? fdWriter(w).writeSync(big) : await fdWriter(w).write(big)).toBe(300_000)
      expect(
        Buffer.concat(await drained)
          .toString()
          .trim(),
      ).toBe('300000')
    } finally {
      closeSync(r)
      closeSync(w)
    }
  })

  test.each(['blocking', 'awaited'] as const)('EPIPE says how much was written, %s', async (kind) => {
    const r = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
    const w = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
    closeSync(r)
    try {
      const { reader, writer } = pipe({ capacity: 100 })
      writer.writeSync('unread')
      const failing = kind === 'blocking' ? async () => copySync(fdWriter(w), reader) : () => copy(fdWriter(w), reader)
      await expect(failing()).rejects.toMatchObject({ code: 'EPIPE', bytesWritten: 0 })
      // Nothing was consumed that was not written.
      expect(reader.stats().buffered).toBe(6)
    } finally {
      closeSync(w)
    }
  })

  test('a full disk in the middle of a copy: what was written is consumed, the rest is still there', async () => {
    const { reader, writer } = pipe({ capacity: 10_000 })
    writer.writeSync(counting(10_000))
    await opened('/dev/full', 'w', (fd) => {
      expect(() => copySync(fdWriter(fd), reader)).toThrow(expect.objectContaining({ code: 'ENOSPC', bytesWritten: 0 }))
    })
    expect(reader.stats().buffered).toBe(10_000)
  })

  test('a descriptor that is closed in the middle of a copy', async () => {
    const { reader, writer } = pipe()
    const fd = openSync(original, 'r')
    const copying = copy(writer, fdReader(fd)).catch((error) => error)
    expect(await reader.read(new Uint8Array(1000), PATIENT)).toBe(1000)
    closeSync(fd)
    const rest = (async () => {
      let got = 1000
      for (;;) {
        const n = await reader.read(new Uint8Array(65536), { timeout: 1000 }).catch(() => null)
        if (n === null) return got
        got += n
      }
    })()
    const failure = await copying
    expect(failure).toMatchObject({ code: 'EBADF' })
    expect(failure.bytesWritten).toBe(await rest)
  })
})

test('ends, empty reads, and bad descriptors', async () => {
  await opened(original, 'r', async (fd) => {
    expect(fdReader(fd).readSync(new Uint8Array(0))).toBe(0)
    expect(readAllSync(fdReader(fd)).length).toBe(bytes.length)
    expect(fdReader(fd).readSync(new Uint8Array(1))).toBe(null)
    expect(await fdReader(fd).read(new Uint8Array(1))).toBe(null)
  })
  for (const make of [fdReader, fdWriter]) {
    for (const fd of [-1, 0.5, Number.NaN, 2 ** 31]) expect(() => make(fd)).toThrow(/must be a whole number from 0 to/)
    for (const fd of ['1', null, undefined]) expect(() => make(fd as never)).toThrow(TypeError)
  }
  expect(() => fdReader(2 ** 31 - 1).readSync(new Uint8Array(1))).toThrow(/EBADF/)
  expect(() => fdReader(0).readSync([] as never)).toThrow(/^The target must be/)
  expect(() => fdWriter(1).writeSync('x' as never)).toThrow(/^The source must be/)
})
