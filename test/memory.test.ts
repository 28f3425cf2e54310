import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, readSync } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { LINE_BYTES, windowOffset } from '../src/layout.ts'
import { createMemory, openMemory, type PipeSizes } from '../src/memory.ts'

const SIZES: PipeSizes = { capacity: 0, window: 256 * 1024, errorBytes: 4096 }
const BUFFERED: PipeSizes = { ...SIZES, capacity: 64 * 1024 }
const SMALL: PipeSizes = { ...SIZES, window: 1024 }

afterEach(() => void vi.unstubAllGlobals())

/** Where shared memory lies, as the system sees it. It is looked for by what is in it. */
function addressOf(buffer: SharedArrayBuffer): number {
  const mark = new Uint8Array(buffer, windowOffset(SIZES.errorBytes), 32)
  mark.set(randomBytes(mark.length))
  const wanted = Buffer.from(mark)
  const memory = openSync('/proc/self/mem', 'r')
  const chunk = Buffer.alloc(4 * 1024 * 1024)
  try {
    const found: number[] = []
    for (const [from, to] of writable()) {
      for (let at = from; at < to; at += chunk.length - wanted.length) {
        const n = bytesAt(memory, at, chunk, Math.min(chunk.length, to - at))
        const part = chunk.subarray(0, n)
        for (let i = part.indexOf(wanted); i >= 0; i = part.indexOf(wanted, i + 1)) found.push(at + i)
      }
    }
    // There are copies of it by now: the memory is what changes with it.
    for (const [i, byte] of mark.entries()) mark[i] = ~byte
    const now = Buffer.alloc(mark.length)
    const isMark = (at: number): boolean => bytesAt(memory, at, now, now.length) === now.length && now.equals(mark)
    const [address, ...others] = new Set(found.filter(isMark))
    expect(others).toEqual([])
    return (address as number) - mark.byteOffset
  } finally {
    closeSync(memory)
  }
}

function writable(): [from: number, to: number][] {
  const lines = readFileSync('/proc/self/maps', 'latin1').matchAll(/^([\da-f]+)-([\da-f]+) rw/gm)
  return [...lines].map(([, from, to]) => [Number.parseInt(from as string, 16), Number.parseInt(to as string, 16)])
}

/** @returns how many bytes were read: 0 where there is nothing to read */
function bytesAt(memory: number, at: number, into: Buffer, length: number): number {
  try {
    return readSync(memory, into, 0, length, at)
  } catch {
    return 0
  }
}

test.runIf(existsSync('/proc/self/mem'))(
  'cache lines begin where the layout has them, whatever else is allocated',
  () => {
    const kept: unknown[] = []
    for (let i = 0; i < 4; i += 1) {
      for (const sizes of [SIZES, BUFFERED, SMALL]) {
        const { buffer, window } = createMemory(sizes)
        kept.push(buffer, new ArrayBuffer(1000 + 16 * i))
        expect(addressOf(buffer) % LINE_BYTES).toBe(0)
        expect(window.byteOffset % LINE_BYTES).toBe(0)
      }
    }
  },
)

test('memory is as large as its sizes make it, and cannot grow', () => {
  const { buffer } = createMemory(SIZES)
  const { byteLength } = buffer
  expect(byteLength).toBe(windowOffset(SIZES.errorBytes) + SIZES.window)
  expect(() => buffer.grow(byteLength + 8)).toThrow()
  expect(buffer.byteLength).toBe(byteLength)
})

test('views do not grow with memory that can, from whoever it comes', () => {
  const { buffer } = createMemory(SIZES)
  const larger = new SharedArrayBuffer(buffer.byteLength, { maxByteLength: buffer.byteLength + 4096 })
  new Uint8Array(larger).set(new Uint8Array(buffer))
  const { words, floats, nanos, window, short } = openMemory(larger)
  const lengths = (): number[] => [words, floats, nanos, window, short].map(({ byteLength }) => byteLength)
  const before = lengths()
  larger.grow(larger.byteLength + 4096)
  expect(lengths()).toEqual(before)
  expect(words.byteLength).toBe(buffer.byteLength)
})

test('where memory of its own cannot be had, a pipe lies beside other things', () => {
  const Original = SharedArrayBuffer
  vi.stubGlobal(
    'SharedArrayBuffer',
    new Proxy(Original, {
      construct: (target, [bytes, options]: [number, object?]) => {
        if (options !== undefined) throw new RangeError('Array buffer allocation failed')
        return new target(bytes)
      },
    }),
  )
  const { buffer } = createMemory(SIZES)
  expect(buffer).toBeInstanceOf(Original)
  expect(openMemory(buffer).mask).toBe(SIZES.window - 1)
})
