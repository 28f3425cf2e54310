import { pipe } from 'threadpipe'
import { expect, test } from 'vitest'
import {
  CUT,
  CUT_AT,
  FILLED,
  HANDOFF,
  inState,
  LEFT,
  OFFERED,
  PAST_END,
  READ_LOCK,
  READER_EVENT,
  reservedFor,
  STATE,
  TAKING,
  windowOffset,
} from '../src/layout.ts'
import { thread, until } from './support/threads.ts'

/** What the fuzz of control words has found, each again by itself (C31). */

const ERROR_BYTES = 128

test('C31: a read never gives more bytes than its target holds, whatever CUT_AT says', async () => {
  const { reader } = pipe({ window: 64, errorBytes: 128 })
  const words = new Int32Array(reader.memory)
  const wake = (): void => {
    Atomics.add(words, READER_EVENT, 1)
    Atomics.notify(words, READER_EVENT)
  }
  const n = thread().run(
    ({ PipeReader }, { handle }) => PipeReader.from(handle).readSync(new Uint8Array(100), { timeout: 3000 }),
    { handle: { memory: reader.memory, half: reader.half } },
  )
  await until(() => reader.stats().readerParks > 0)
  new Float64Array(reader.memory)[LEFT] = 100
  words[FILLED] = 10
  Atomics.store(words, HANDOFF, OFFERED)
  wake()
  await until(() => (Atomics.load(words, HANDOFF) & STATE) === TAKING)
  await until(() => reader.stats().readerParks > 1)
  words[CUT_AT] = 1000
  Atomics.store(words, HANDOFF, inState(Atomics.load(words, HANDOFF), CUT))
  wake()
  expect(await n).toBeLessThanOrEqual(100)
})

test.each([PAST_END, PAST_END + 1])('C18, C31: a word that says what no buffer has past its end: %i', (word) => {
  const { reader, writer } = pipe({ capacity: 64 })
  const words = new Int32Array(reader.memory)
  const target = new Uint8Array(64)
  writer.writeSync(new Uint8Array(60))
  reader.readSync(target)
  writer.writeInPlaceSync(10, (lent) => void lent.fill(1))
  reader.readSync(target.subarray(0, 7))
  writer.writeSync(new Uint8Array(61).fill(2))
  // The next read begins past the end, and comes to the end again.
  const said = words[word] as number
  for (const wrong of [-1, 65, 0x7fff_ffff]) {
    words[word] = wrong
    expect(() => reader.readSync(target, { timeout: 50 })).toThrow(
      expect.objectContaining({ code: 'ERR_PIPE_CORRUPT' }),
    )
    expect(reader.stats().bytesRead).toBe(67)
  }
  words[word] = said
  expect(reader.readSync(target)).toBe(64)
  expect(target).toEqual(new Uint8Array(64).fill(2).fill(1, 0, 3))
  expect(reader.stats()).toMatchObject({ bytesRead: 131, bytesWritten: 131 })
})

test('C31: a lock reserved for a place beyond the memory is taken over, with no RangeError', () => {
  const { reader } = pipe({ window: 64, errorBytes: ERROR_BYTES })
  Atomics.store(new Int32Array(reader.memory), READ_LOCK, reservedFor(2 ** 30))
  expect(() => reader.readSync(new Uint8Array(1), { timeout: 50 })).toThrow(
    expect.objectContaining({ name: 'PipeError' }),
  )
})

test('C31: a lock reserved for a place that there is not changes no words behind the queues', () => {
  const { reader } = pipe({ window: 4096, errorBytes: ERROR_BYTES })
  new Uint8Array(reader.memory, windowOffset(ERROR_BYTES)).fill(255)
  Atomics.store(new Int32Array(reader.memory), READ_LOCK, reservedFor(500))
  expect(() => reader.readSync(new Uint8Array(1), { timeout: 50 })).toThrow()
  expect(new Uint8Array(reader.memory, windowOffset(ERROR_BYTES)).every((byte) => byte === 255)).toBe(true)
})
