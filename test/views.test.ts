import fc from 'fast-check'
import { type PipeOptions, pipe } from 'threadpipe'
import { expect, test, vi } from 'vitest'
import { platform } from '#platform'
import { DRAINED } from '../src/layout.ts'
import { createMemory } from '../src/memory.ts'
import { Views } from '../src/views.ts'

/** Views of the ring that are kept, and what is known of it without a look. */

const RING = 8192
const BUFFERED: PipeOptions = { capacity: RING }

test('whatever has been asked for before, a view is of the part that is asked for', () => {
  const memory = createMemory({ capacity: RING, window: RING, errorBytes: 4096 })
  const { window } = memory
  // Few places and sizes come again and again, as they do to a pipe.
  const parts = fc
    .record({
      positions: fc.array(fc.nat({ max: window.length - 601 }), { minLength: 1, maxLength: 6 }),
      sizes: fc.array(fc.oneof(fc.constantFrom(49, 127, 128, 256), fc.nat({ max: 600 })), {
        minLength: 1,
        maxLength: 3,
      }),
    })
    .chain(({ positions, sizes }) =>
      fc.array(fc.record({ position: fc.constantFrom(...positions), n: fc.constantFrom(...sizes) }), {
        minLength: 40,
        maxLength: 80,
      }),
    )
  let kept = 0
  fc.assert(
    fc.property(parts, (asked) => {
      const views = new Views(memory)
      const seen = new Set<Uint8Array>()
      for (const { position, n } of asked) {
        const view = views.of(position, n)
        if (view === undefined) continue
        expect([view.byteOffset, view.length]).toEqual([window.byteOffset + position, n])
        if (seen.has(view)) kept += 1
        seen.add(view)
      }
    }),
  )
  expect(kept).toBeGreaterThan(100)
})

test.each([128, 256, 4096])('calls in place of %i bytes each come to the same views of the ring again', (size) => {
  const { reader, writer } = pipe(BUFFERED)
  const lent = { writer: [] as Uint8Array[], reader: [] as Uint8Array[] }
  const places = RING / size
  for (let i = 0; i < 4 * places; i += 1) {
    writer.writeInPlaceSync(size, (bytes) => {
      bytes.fill(i)
      lent.writer.push(bytes)
    })
    reader.readInPlaceSync((bytes) => {
      expect(bytes.length).toBe(size)
      expect(bytes.every((byte) => byte === i % 256)).toBe(true)
      lent.reader.push(bytes)
    })
  }
  for (const views of [lent.writer, lent.reader]) {
    // The first has none yet that is kept; from the second time round on there is one for each place.
    const later = views.slice(places + 1)
    expect(new Set(later).size).toBe(places)
    expect(new Set(later.map(({ byteOffset }) => byteOffset)).size).toBe(places)
  }
  expect(lent.writer.some((view) => lent.reader.includes(view))).toBe(false)
})

test('a call that is stopped as it makes a view leaves none of another part', () => {
  const memory = createMemory({ capacity: RING, window: RING, errorBytes: 4096 })
  const views = new Views(memory)
  const size = 512
  for (let i = 0; i < 4; i += 1) views.of(0, size)
  vi.stubGlobal(
    'Uint8Array',
    class {
      constructor() {
        throw new RangeError('Maximum call stack size exceeded')
      }
    },
  )
  try {
    expect(() => views.of(1024, size)).toThrow('call stack')
  } finally {
    vi.unstubAllGlobals()
  }
  expect(views.of(1024, size)?.byteOffset).toBe(memory.window.byteOffset + 1024)
})

test('a view that a callback has made something else is not lent again', () => {
  const { reader, writer } = pipe(BUFFERED)
  const size = 1024
  let spoiled = 0
  for (let i = 0; i < (6 * RING) / size; i += 1) {
    writer.writeInPlaceSync(size, (bytes) => {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      Object.setPrototypeOf(bytes, Buffer.prototype)
      bytes.fill(i)
    })
    reader.readInPlaceSync((bytes) => {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      expect([bytes.length, bytes[size - 1]]).toEqual([size, i])
      Object.setPrototypeOf(bytes, Buffer.prototype)
      spoiled += 1
    })
  }
  expect(spoiled).toBe((6 * RING) / size)
})

test('nor is one whose length a callback has changed', () => {
  const { reader, writer } = pipe(BUFFERED)
  writer.writeSync(new Uint8Array(1024))
  for (let i = 0; i < 4; i += 1) {
    reader.readInPlaceSync((bytes) => {
      expect(bytes.length).toBe(1024)
      Object.defineProperty(bytes, 'length', { value: 3 })
      return 0
    })
  }
})

test('no call copies through a view that a callback has had', () => {
  const { reader, writer } = pipe(BUFFERED)
  const copy = vi.spyOn(platform, 'copy')
  const size = 1024
  const lent = new Set<Uint8Array>()
  try {
    const [source, target] = [new Uint8Array(size).fill(7), new Uint8Array(size)]
    for (let i = 0; i < (6 * RING) / size; i += 1) {
      writer.writeSync(source)
      reader.readInPlaceSync((bytes) => {
        lent.add(bytes)
        return 0
      })
      expect(reader.readSync(target)).toBe(size)
      expect(target).toEqual(source)
    }
    const read = copy.mock.calls.map(([, , from]) => from).filter(({ buffer }) => buffer === reader.memory)
    expect(new Set(read).size).toBeLessThan(read.length / 2)
    expect(lent.size).toBeLessThan(read.length / 2)
    expect(read.some((view) => lent.has(view))).toBe(false)
  } finally {
    copy.mockRestore()
  }
})

test('a writer in place looks at what has been read only where it knows of no room', () => {
  const { reader, writer } = pipe({ capacity: 64 * 1024 })
  const load = vi.spyOn(Atomics, 'load')
  const looks = (): number => load.mock.calls.filter(([, word]) => word === DRAINED).length
  try {
    const size = 4096
    const known = 65_536 / size
    for (let i = 0; i < known; i += 1) {
      writer.writeInPlaceSync(size, () => {})
      reader.readInPlaceSync(() => {})
    }
    expect(looks()).toBeLessThanOrEqual(1)
    const before = looks()
    for (let i = 0; i < 2 * known; i += 1) {
      writer.writeInPlaceSync(size, () => {})
      reader.readInPlaceSync(() => {})
    }
    expect(looks() - before).toBeLessThanOrEqual(3)
    expect(looks()).toBeGreaterThan(before)
  } finally {
    load.mockRestore()
  }
})
