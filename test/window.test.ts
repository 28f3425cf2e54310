import fc from 'fast-check'
import { PipeWriter, pipe } from 'threadpipe'
import { expect, test, vi } from 'vitest'
import { platform } from '#platform'
import { counting, handleOf, PATIENT, Side } from './support/sides.ts'
import { failureOf, thread } from './support/threads.ts'

/** Where in the window writes stand: long ones go round it, each behind the one before, short ones begin at its beginning. */

const WINDOW = 65_536
const LINE = 64
const TIMED_OUT = { code: 'ERR_PIPE_TIMEOUT' }

async function placesOf(size: number, times: number): Promise<number[]> {
  const { reader, writer } = pipe({ window: WINDOW })
  const sources = Array.from({ length: times }, () => counting(size))
  const sent = new Side(thread(), 'blocking').writeAll(writer, sources)
  const places: number[] = []
  for (let i = 0; i < times; i += 1) {
    reader.readInPlaceSync((bytes) => {
      expect(bytes).toEqual(sources[i])
      places.push(bytes.byteOffset)
    }, PATIENT)
  }
  await sent
  return places
}

test('long writes go round the window, each of one piece and at the start of a cache line', async () => {
  const places = await placesOf(20_000, 20)
  const [first = 0] = places
  // Three have room before the end; the next starts at the beginning again.
  const rooms = Array.from({ length: 3 }, (_, i) => first + i * Math.ceil(20_000 / LINE) * LINE)
  expect(places).toEqual(Array.from({ length: 20 }, (_, i) => rooms[i % rooms.length]))
  expect(places.every((place) => place % LINE === 0)).toBe(true)
})

test.each([1000, 16_000])(
  'writes of %i bytes stay where they are: in the lines that both sides have at hand',
  async (size) => {
    expect(new Set(await placesOf(size, 20)).size).toBe(1)
  },
)

test('C1, C4: writes of one piece that go round the window arrive whole', async () => {
  const sizes = Array.from({ length: 60 }, (_, i) => [16_384, 20_000, 32_767, 32_768, 32_769, 100][i % 6] as number)
  const { reader, writer } = pipe()
  const sent = new Side(thread(), 'blocking').writeAll(
    writer,
    sizes.map((size, i) => counting(size, i)),
  )
  const target = new Uint8Array(40_000)
  for (const [i, size] of sizes.entries()) {
    expect(reader.readSync(target, PATIENT)).toBe(size)
    expect(Buffer.compare(target.subarray(0, size), counting(size, i))).toBe(0)
  }
  expect(await sent).toEqual(sizes)
})

test('C1, C4: writes of any sizes arrive whole, wherever in the window they start', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 2 * WINDOW }), { minLength: 1, maxLength: 12 })
  const side = new Side(thread(), 'blocking')
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1000, max: WINDOW }), async (sizes, piece) => {
      const { reader, writer } = pipe({ window: WINDOW })
      const sent = side.writeAll(
        writer,
        sizes.map((size) => counting(size)),
      )
      const target = new Uint8Array(2 * WINDOW)
      for (const size of sizes) {
        let got = 0
        do got += reader.readSync(target.subarray(got, Math.min(got + piece, size)), PATIENT) ?? Number.NaN
        while (got < size)
        expect(Buffer.compare(target.subarray(0, size), counting(size))).toBe(0)
      }
      expect(await sent).toEqual(sizes)
    }),
    { numRuns: 60 },
  )
})

test('C15, C18: a write that starts amid the window and times out says what was taken; the next one is whole', async () => {
  const { reader, writer } = pipe({ window: WINDOW })
  const side = new Side(thread(), 'blocking')
  const target = new Uint8Array(20_000)
  const whole = async (): Promise<void> => {
    const sent = side.write(writer, counting(20_000))
    expect(reader.readSync(target, PATIENT)).toBe(20_000)
    expect(target).toEqual(counting(20_000))
    expect(await sent).toBe(20_000)
  }
  await whole()
  const late = failureOf(side.write(writer, counting(20_000), { timeout: 200 }))
  expect(reader.readSync(target.subarray(0, 7000), PATIENT)).toBe(7000)
  expect(await late).toMatchObject({ ...TIMED_OUT, bytesWritten: 7000 })
  await whole()
  await whole()
})

test('a write in place that fills less than it was lent arrives as what was filled', async () => {
  const sizes = [10_000, 0, 5, 9000, 10_000, 8, 64]
  const { reader, writer } = pipe({ window: WINDOW })
  const sent = thread().run(
    ({ PipeWriter }, { handle, sizes }) => {
      const writer = PipeWriter.from(handle)
      return sizes.map((n) =>
        writer.writeInPlaceSync(10_000, (bytes) => {
          bytes.fill(n % 256, 0, n)
          return n
        }),
      )
    },
    { handle: handleOf(writer), sizes },
  )
  const target = new Uint8Array(20_000)
  for (const n of sizes) {
    expect(reader.readSync(target, PATIENT)).toBe(n)
    expect(target.subarray(0, n).every((byte) => byte === n % 256)).toBe(true)
  }
  expect(await sent).toEqual(sizes)
})

test.each([128, 256, 4096])('reads of %i bytes each come to the same views of the ring again', (size) => {
  const ring = 8192
  const { reader, writer } = pipe({ capacity: ring })
  const copy = vi.spyOn(platform, 'copy')
  try {
    const [source, target] = [counting(size), new Uint8Array(size)]
    for (let i = 0; i < (4 * ring) / size; i += 1) {
      writer.writeSync(source)
      reader.readSync(target)
    }
    const read = copy.mock.calls.map(([, , from]) => from).filter(({ buffer }) => buffer === reader.memory)
    // The first read has no view yet; from the second time round on there is one for each place, and no other is made.
    const later = read.slice(ring / size + 1)
    expect(later.every(({ length }) => length === size)).toBe(true)
    expect(new Set(later).size).toBe(ring / size)
    expect(target).toEqual(source)
  } finally {
    copy.mockRestore()
  }
})

test('a short write into a buffer counts by itself, after one that came only so far', () => {
  const { reader, writer } = pipe({ capacity: 5000 })
  expect(() => writer.writeSync(counting(6000), { timeout: 1 })).toThrow(
    expect.objectContaining({ ...TIMED_OUT, bytesWritten: 5000 }),
  )
  expect(() => writer.writeSync(counting(10), { timeout: 1 })).toThrow(
    expect.objectContaining({ ...TIMED_OUT, bytesWritten: 0 }),
  )
  const target = new Uint8Array(6000)
  expect(reader.readSync(target)).toBe(5000)
  expect([
    writer.writeSync(counting(10)),
    writer.writeSync(counting(20)),
    PipeWriter.from(handleOf(writer)).writeSync(counting(30)),
  ]).toEqual([10, 20, 30])
  expect(reader.stats()).toMatchObject({ bytesWritten: 5060, bytesRead: 5000, writes: 3, buffered: 60 })
})
