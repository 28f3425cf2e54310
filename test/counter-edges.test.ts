import fc from 'fast-check'
import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { describe, expect, test } from 'vitest'
import * as layout from '../src/layout.ts'
import { Place, Turn } from '../src/lock.ts'
import { counting, handleOf, KINDS, type Kind, PAIRS, PATIENT, Side } from './support/sides.ts'
import { thread, threads, until } from './support/threads.ts'

/**
 * Counters only grow and are compared by difference, so that their wrap is harmless. Here each of them starts near an edge, by a word
 * written into the memory of a fresh pipe, and is taken across: 2^31, where a word turns negative, and 2^32, where it comes to 0 again.
 */

const EDGES = [
  { edge: '2^31', at: 2 ** 31 },
  { edge: '2^32', at: 2 ** 32 },
]
const MATCH_BITS = 28
const COUNT_BITS = 31

const wordsOf = ({ memory }: PipeReader): Int32Array => new Int32Array(memory)

/** The HANDOFF word of a pipe that waits for an offer, before match `match`. */
function handoffAt(match: number): number {
  return (match * layout.ONE_OFFER) | layout.IDLE | 0
}

/** Writes of these sizes on the one side, and reads into targets of these on the other: all bytes must come, in their order. */
async function transfer(
  { reader, writer }: { reader: PipeReader; writer: PipeWriter },
  { writes, reads }: { writes: Kind; reads: Kind },
  { sizes, target }: { sizes: number[]; target: number },
): Promise<void> {
  const [left, right] = threads(2) as [ReturnType<typeof thread>, ReturnType<typeof thread>]
  const sent = left.run(
    async ({ ops, PipeWriter }, { handle, kind, sizes, options }) => {
      const writer = PipeWriter.from(handle)
      let at = 0
      for (const size of sizes) {
        const start = at
        const source = Uint8Array.from({ length: size }, (_, i) => ((start + i) * 31) % 253)
        at += await ops(kind).write(writer, source, options)
      }
      writer.close()
      return at
    },
    { handle: handleOf(writer), kind: writes, sizes, options: PATIENT },
  )
  const got = right.run(
    async ({ ops, PipeReader }, { handle, kind, target, options }) => {
      const reader = PipeReader.from(handle)
      const bytes = new Uint8Array(target)
      let [at, wrong] = [0, 0]
      for (;;) {
        const n = await ops(kind).read(reader, bytes, options)
        if (n === null) return { at, wrong }
        for (let i = 0; i < n; i += 1) if (bytes[i] !== ((at + i) * 31) % 253) wrong += 1
        at += n
      }
    },
    { handle: handleOf(reader), kind: reads, target, options: PATIENT },
  )
  const total = sizes.reduce((sum, size) => sum + size, 0)
  expect(await sent).toBe(total)
  expect(await got).toEqual({ at: total, wrong: 0 })
}

const SIZES = [1, 3, 64, 100, 1000, 5000, 20_000, 1, 70_000]

describe.each(PAIRS)('$writes writer, $reads reader', (pair) => {
  describe('the number of the offer or match', () => {
    test.each([
      { edge: 'where the word turns negative', match: 2 ** (MATCH_BITS - 1) },
      { edge: 'where it is all ones', match: 2 ** MATCH_BITS },
    ])('$edge', async ({ match }) => {
      const made = pipe({ window: 128 })
      const words = wordsOf(made.reader)
      words[layout.HANDOFF] = handoffAt(match - 6)
      await transfer(made, pair, { sizes: SIZES, target: 900 })
      const reached = words[layout.HANDOFF] as number
      expect(reached & (layout.STATE | layout.ENDED)).toBe(layout.IDLE | layout.ENDED)
      // It has grown with each offer, and with each match that did not take the whole of one.
      const { reads, writes } = made.reader.stats()
      const grown = ((reached >>> 4) - (match - 6) + 2 ** MATCH_BITS) % 2 ** MATCH_BITS
      expect(grown).toBeGreaterThan(writes)
      expect(grown).toBeLessThanOrEqual(writes + reads)
      expect(writes).toBeGreaterThan(6)
    })
  })

  describe.each([1, 100, 4096, 65536])('STORED and DRAINED of a buffer of %i bytes', (capacity) => {
    test.each([
      { edge: '2^31 of the word', count: 2 ** (COUNT_BITS - 1) },
      { edge: '2^31 of the count', count: 2 ** COUNT_BITS },
    ])('at $edge', async ({ count }) => {
      const sizes = capacity < 100 ? SIZES.slice(0, 5) : SIZES
      const made = pipe({ capacity })
      storeFrom(made.reader, count - Math.min(capacity, 170))
      expect(made.reader.stats().buffered).toBe(0)
      await transfer(made, pair, { sizes, target: 900 })
      const words = wordsOf(made.reader)
      const total = sizes.reduce((sum, size) => sum + size, 0)
      const reached = (count - Math.min(capacity, 170) + total) % 2 ** COUNT_BITS
      expect(layout.storedCount(words[layout.STORED] as number)).toBe(reached)
      expect(words[layout.DRAINED]).toBe(reached)
    })
  })

  test.each(EDGES)('the counts of all events, at $edge', async ({ at }) => {
    for (const capacity of [0, 50]) {
      const made = pipe({ window: 64, capacity })
      const words = wordsOf(made.reader)
      for (const event of allEvents()) words[event] = (at - 2) | 0
      await transfer(made, pair, { sizes: SIZES, target: 40 })
    }
  })
})

/** A buffered pipe that has carried `count` bytes, all read. */
function storeFrom(reader: PipeReader, count: number): void {
  const words = wordsOf(reader)
  words[layout.STORED] = layout.storedMore(0, count)
  words[layout.DRAINED] = layout.countMore(0, count)
}

function allEvents(): number[] {
  const queues = [layout.WRITE_LOCK, layout.READ_LOCK].flatMap((lock) =>
    Array.from({ length: layout.MAX_QUEUED + 1 }, (_, place) => layout.queueEvent(lock, place)),
  )
  return [layout.WRITER_EVENT, layout.READER_EVENT, ...queues]
}

describe.each(KINDS)('$kind', ({ kind }) => {
  test.each(EDGES)('a sleeper is woken by the wake that takes its event to $edge', async ({ at }) => {
    const { reader, writer } = pipe()
    const words = wordsOf(reader)
    const asleep = (event: number) => words[event + layout.PARKED_OFFSET] === 1
    words[layout.READER_EVENT] = (at - 1) | 0
    const read = new Side(thread(), kind).read(reader, 10)
    await until(() => reader.stats().readerParks > 0 && asleep(layout.READER_EVENT))
    expect(await writer.write(counting(10), PATIENT)).toBe(10)
    expect(await read).toEqual(counting(10))
    expect(words[layout.READER_EVENT]).toBe(at | 0)

    words[layout.WRITER_EVENT] = (at - 1) | 0
    const parks = writer.stats().writerParks
    const write = new Side(thread(), kind).write(writer, counting(10))
    await until(() => writer.stats().writerParks > parks && asleep(layout.WRITER_EVENT))
    expect(await reader.read(new Uint8Array(10), PATIENT)).toBe(10)
    expect(await write).toBe(10)
    expect(words[layout.WRITER_EVENT]).toBe(at | 0)
  })

  test.each(EDGES)(
    'the rotation of both locks at $edge, and the place to serve next beyond the last',
    async ({ at }) => {
      const { reader, writer } = pipe({ window: 64 })
      const words = wordsOf(reader)
      for (const lock of [layout.WRITE_LOCK, layout.READ_LOCK]) {
        words[lock + layout.ROTATION_OFFSET] = (at - 3) | 0
        words[lock + layout.NEXT_OFFSET] = layout.MAX_QUEUED
      }
      const bytes = 200
      // Of three threads each, for several turns at the locks.
      const writesOfEach = 2000
      const writes = threads(3).map((thread) => {
        const side = new Side(thread, kind)
        return side.writeAll(
          writer,
          Array.from({ length: writesOfEach }, () => counting(bytes)),
        )
      })
      const reads = threads(3).map((thread) =>
        thread.run(
          async ({ ops, PipeReader }, { handle, kind, options }) => {
            const reader = PipeReader.from(handle)
            const target = new Uint8Array(200)
            let [calls, wrong] = [0, 0]
            for (;;) {
              const n = await ops(kind).read(reader, target, options)
              if (n === null) return { calls, wrong }
              calls += 1
              if (n !== 200 || target.some((byte, i) => byte !== i)) wrong += 1
            }
          },
          { handle: handleOf(reader), kind, options: PATIENT },
        ),
      )
      for (const results of await Promise.all(writes)) expect(new Set(results)).toEqual(new Set([bytes]))
      writer.close()
      const got = await Promise.all(reads)
      expect(got.reduce((sum, { calls }) => sum + calls, 0)).toBe(3 * writesOfEach)
      expect(got.reduce((sum, { wrong }) => sum + wrong, 0)).toBe(0)
      expect(((words[layout.WRITE_LOCK + layout.ROTATION_OFFSET] as number) - (at - 3)) | 0).toBeGreaterThan(3)
    },
  )

  test.each(EDGES)('parks are read as unsigned at $edge, from either half', async ({ at }) => {
    const { reader, writer } = pipe({ window: 64 })
    const words = wordsOf(reader)
    for (const word of [layout.WRITER_PARKS, layout.READER_PARKS]) words[word] = (at - 1) | 0
    expect(writer.stats()).toMatchObject({ writerParks: at - 1, readerParks: at - 1 })
    const parked = (half: 'reader' | 'writer') => {
      const parks = reader.stats()[half === 'reader' ? 'readerParks' : 'writerParks']
      return parks === at % 2 ** 32
    }
    const write = new Side(thread(), kind).write(writer, counting(10))
    await until(() => parked('writer'))
    expect((await reader.read(new Uint8Array(10), PATIENT)) === 10 && (await write)).toBe(10)
    const read = new Side(thread(), kind).read(reader, 10)
    await until(() => parked('reader'))
    await writer.write(counting(10), PATIENT)
    expect(await read).toEqual(counting(10))
  })

  test.each(EDGES)('a write in place goes on past the end of the ring, with counts beyond $edge', async ({ at }) => {
    const capacity = 100
    const ring = layout.ringBytes(capacity)
    const side = new Side(thread(), kind)
    for (let before = 1; before <= ring; before += 13) {
      const { reader, writer } = pipe({ capacity })
      const words = wordsOf(reader)
      storeFrom(reader, at - before)
      let written = 0
      for (let round = 0; round < 8; round += 1) {
        const size = 60 + round
        const bytes = counting(size, written)
        expect(writer.writeInPlaceSync(size, (target) => target.set(bytes), PATIENT)).toBe(size)
        expect(reader.stats().buffered).toBe(size)
        expect(await side.read(reader, 40)).toEqual(bytes.subarray(0, 40))
        expect(reader.stats().buffered).toBe(size - 40)
        expect(writer.writeSync(bytes.subarray(0, 10), PATIENT)).toBe(10)
        expect(await side.readFull(reader, size - 30)).toBe(size - 30)
        expect(reader.stats().buffered).toBe(0)
        written += size
      }
      expect(layout.countBetween(at % 2 ** COUNT_BITS, words[layout.DRAINED] as number)).toBeLessThan(2000)
    }
  })
})

test('a full buffer and an empty one are told apart at every step across the edge', () => {
  for (const count of [2 ** (COUNT_BITS - 1), 2 ** COUNT_BITS]) {
    for (const capacity of [1, 3, 64, 100]) {
      const { reader, writer } = pipe({ capacity })
      storeFrom(reader, count - 150)
      const target = new Uint8Array(capacity)
      for (let moved = 0; moved < 300; moved += capacity) {
        expect(() => reader.readSync(target, { timeout: 0 })).toThrow(/within 0 ms/)
        expect(writer.writeSync(counting(capacity, moved), { timeout: 0 })).toBe(capacity)
        expect(reader.stats().buffered).toBe(capacity)
        expect(() => writer.writeSync('x', { timeout: 0 })).toThrow(/within 0 ms/)
        expect(reader.readSync(target, { timeout: 0 })).toBe(capacity)
        expect(target).toEqual(counting(capacity, moved))
      }
    }
  }
})

test('in place, a buffer is written and read in one piece past the end of its ring, and its start is left out once', () => {
  const { reader, writer } = pipe({ capacity: 100 })
  const ring = layout.ringBytes(100)
  storeFrom(reader, ring - 30)
  const read = (n: number): number => {
    let lent = 0
    reader.readInPlaceSync((bytes) => {
      lent = bytes.length
      expect(bytes.subarray(0, n)).toEqual(counting(lent).subarray(0, n))
      return n
    })
    return lent
  }
  writer.writeInPlaceSync(100, (target) => target.set(counting(100)))
  expect(read(0)).toBe(100)
  expect(read(100)).toBe(100)
  // The next lap begins where that one has ended: 70 bytes on in the ring.
  writer.writeInPlaceSync(58, (target) => target.set(counting(58)))
  writer.writeSync(counting(100).subarray(58))
  expect(read(58)).toBe(58)
  const rest = new Uint8Array(100)
  expect(reader.readSync(rest)).toBe(42)
  expect(rest.subarray(0, 42)).toEqual(counting(100).subarray(58))
})

test('short writes up to the end of a buffer, and on from its start, two laps after one in place went past the end', () => {
  const { reader, writer } = pipe({ capacity: 64 })
  const target = new Uint8Array(64)
  let at = 0
  const pass = (size: number, write: (bytes: Uint8Array) => void): void => {
    const bytes = counting(size, at)
    at += size
    write(bytes)
    expect(reader.readSync(target)).toBe(size)
    expect(target.subarray(0, size)).toEqual(bytes)
  }
  pass(60, (bytes) => writer.writeSync(bytes))
  pass(14, (bytes) => writer.writeInPlaceSync(14, (lent) => lent.set(bytes)))
  // 192 is the end of the third lap: the last write up to there knows its room without a look at the reader's word.
  for (const size of [60, 50, 4, 4, 20]) pass(size, (bytes) => writer.writeSync(bytes))
  expect(at).toBe(212)
})

test('bytes go round a buffer in their order, whichever way they are written and read, at any count', () => {
  const sizes = fc.nat({ max: 130 })
  const steps = fc.array(fc.tuple(fc.constantFrom('write', 'fill', 'read', 'use'), sizes, sizes), { maxLength: 60 })
  const counts = fc.tuple(fc.constantFrom(200, 2 ** (COUNT_BITS - 1), 2 ** COUNT_BITS), fc.nat({ max: 200 }))
  const capacities = fc.integer({ min: 1, max: 130 })
  fc.assert(
    fc.property(capacities, counts, steps, (capacity, [edge, before], steps) => {
      const { reader, writer } = pipe({ capacity, errorBytes: 128 })
      storeFrom(reader, edge - before)
      const target = new Uint8Array(200)
      let [written, taken] = [0, 0]
      const take = (bytes: Uint8Array): number => {
        expect(bytes).toEqual(counting(bytes.length, taken))
        taken += bytes.length
        return bytes.length
      }
      for (const [step, n, part] of steps) {
        const held = written - taken
        const room = capacity - held
        if (step === 'write') written += writer.writeSync(counting(Math.min(n, room), written))
        else if (step === 'read' && held > 0) take(target.subarray(0, reader.readSync(target.subarray(0, n)) as number))
        else if (step === 'use' && held > 0) reader.readInPlaceSync((bytes) => take(bytes.subarray(0, n)))
        else if (step === 'fill' && room > 0) {
          const size = Math.max(1, Math.min(n, room))
          written += writer.writeInPlaceSync(size, (lent) => {
            expect(lent.length).toBe(size)
            lent.fill(0xff)
            const some = counting(Math.min(part, size), written)
            lent.set(some)
            return some.length
          })
        }
        expect(reader.stats().buffered).toBe(written - taken)
      }
      while (taken < written) take(target.subarray(0, reader.readSync(target) as number))
    }),
    { numRuns: 2000 },
  )
})

test('C4, C18: more than 4 GiB of one write, read in place too, and cut by a close', { timeout: 60_000 }, async () => {
  const piece = 64 * 1024 * 1024
  const pieces = 65
  const { reader, writer } = pipe({ window: 1024 * 1024 })
  const failed = thread().run(
    ({ PipeWriter, describeError }, { handle, piece, pieces, options }) => {
      const source = new Uint8Array(piece)
      new Uint32Array(source.buffer).forEach((_, i, all) => {
        all[i] = i
      })
      try {
        PipeWriter.from(handle).writevSync(Array(pieces).fill(source), options)
        return undefined
      } catch (error) {
        return describeError(error)
      }
    },
    { handle: handleOf(writer), piece, pieces, options: { timeout: 50_000 } },
  )
  // Lengths that divide neither the window nor a piece; what is looked at is the first and the last word of each read.
  const target = new Uint32Array(7 * 262_144 + 1)
  const total = piece * pieces
  let got = 0
  const check = (bytes: Uint8Array): void => {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    const [first, last] = [(got % piece) / 4, ((got + bytes.length - 4) % piece) / 4]
    if (words[0] !== first || words.at(-1) !== last) expect.unreachable(`wrong bytes at ${got}`)
    got += bytes.length
  }
  const take = (): void => {
    const n = reader.readSync(target, PATIENT) as number
    expect(new Float64Array(reader.memory)[layout.LEFT]).toBe(total - got - n)
    check(new Uint8Array(target.buffer, 0, n))
  }
  take()
  expect(total - got).toBeGreaterThan(2 ** 32)
  while (got < 2 ** 32 + target.byteLength) {
    if (reader.readInPlaceSync(check, PATIENT) === null) expect.unreachable('the end')
    take()
  }
  reader.close()
  expect(await failed).toMatchObject({ code: 'ERR_PIPE_CLOSED', bytesWritten: got })
  expect(reader.stats()).toMatchObject({ bytesRead: got, bytesWritten: got, writes: 0 })
})

test('a read that waits amid a match where the counts of its write turn negative', { timeout: 30_000 }, async () => {
  // Both in one thread: whoever does not sleep where it must keeps the other from going on.
  const window = 16 * 1024 * 1024
  const { reader, writer } = pipe({ window })
  const piece = new Uint8Array(2 ** 31 / 64)
  new Uint32Array(piece.buffer).forEach((_, i, all) => {
    all[i] = i
  })
  const write = writer.writev(Array(65).fill(piece), PATIENT)
  const target = new Uint8Array(2.5 * window)
  let got = 0
  while (got < 65 * piece.length) {
    const n = (await reader.read(target, PATIENT)) as number
    const last = ((got + n - 4) % piece.length) / 4
    expect(new Uint32Array(target.buffer, n - 4, 1)[0]).toBe(last)
    got += n
  }
  expect(await write).toBe(65 * piece.length)
})

describe('a lock whose rotation and next place are at the edge', () => {
  const LOCK = layout.WRITE_LOCK
  const queue = (words: Int32Array, owner: number): Place => {
    const place = new Place(words, LOCK, owner, new Turn())
    expect(place.tryAcquire() || place.queue()).toBe(false)
    return place
  }
  /** Time in which a turn is over: there is no word to wait for. */
  const pass = (): void => {
    for (const untilMs = performance.now() + 5; performance.now() < untilMs; );
  }

  const release = (words: Int32Array, owner: Place): void => {
    Atomics.store(words, LOCK, layout.WATCHED)
    owner.passOn()
  }

  test('a new rotation is a new turn, also when its count turns negative', () => {
    const at = 2 ** 31
    const words = wordsOf(pipe().reader)
    words[LOCK + layout.ROTATION_OFFSET] = (at - 1) | 0
    const holder = new Place(words, LOCK, 2, new Turn())
    expect(holder.tryAcquire()).toBe(true)
    const [first, second] = [queue(words, 4), queue(words, 6)]
    release(words, holder)
    expect(words[LOCK]).toBe(layout.WATCHED)
    pass()
    expect(first.tryAcquire()).toBe(true)
    expect(words[LOCK + layout.ROTATION_OFFSET]).toBe(at | 0)
    release(words, first)
    expect(holder.tryAcquire()).toBe(true)
    release(words, holder)
    expect(words[LOCK]).toBe(layout.WATCHED)
    expect(second.tryAcquire()).toBe(true)
  })

  test('behind the last place comes the first that is taken', () => {
    const words = wordsOf(pipe().reader)
    words[LOCK + layout.NEXT_OFFSET] = layout.MAX_QUEUED
    const holder = new Place(words, LOCK, 2, new Turn())
    expect(holder.tryAcquire()).toBe(true)
    const left = queue(words, 4)
    const next = queue(words, 6)
    left.leave()
    release(words, holder)
    pass()
    expect(holder.tryAcquire()).toBe(true)
    release(words, holder)
    expect(words[LOCK]).toBe(layout.reservedFor(1))
    expect(next.tryAcquire()).toBe(true)
    expect(words[LOCK + layout.NEXT_OFFSET]).toBe(2)
  })
})

test('a writer that others have overtaken by 2^31 bytes does not take a full buffer for the one it knew', () => {
  const { reader, writer } = pipe({ capacity: 64 })
  const bytes = new Uint8Array(10).fill(1)
  writer.writeSync(bytes)
  reader.readSync(new Uint8Array(64))
  writer.writeSync(bytes, { timeout: 0 })
  reader.readSync(new Uint8Array(64))
  // Others write and read 2^31 bytes, and leave the buffer full: the same STORED as before.
  const [words, floats] = [wordsOf(reader), new Float64Array(reader.memory)]
  words[layout.DRAINED] = layout.countMore(layout.storedCount(words[layout.STORED] as number), 2 ** COUNT_BITS - 64)
  floats[layout.WRITTEN] = (floats[layout.WRITTEN] as number) + 2 ** COUNT_BITS
  floats[layout.READ] = (floats[layout.READ] as number) + 2 ** COUNT_BITS - 64
  expect(reader.stats().buffered).toBe(64)
  expect(() => writer.writeSync(bytes, { timeout: 20 })).toThrow(expect.objectContaining({ code: 'ERR_PIPE_TIMEOUT' }))
})
