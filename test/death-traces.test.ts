import { type PipeHandle, PipeReader, PipeWriter, pipe } from 'threadpipe'
import { watch } from 'threadpipe/node'
import { afterEach, describe, expect, test } from 'vitest'
import {
  CLOSED,
  DRAINED,
  ENDED,
  HANDOFF,
  HOLDER_WORDS,
  holderIdentity,
  identityAt,
  inState,
  LENT,
  LENT_TO,
  MAX_QUEUED,
  OFFERED,
  ownerIdentity,
  PARKED_OFFSET,
  READ_LOCK,
  READER_DONE,
  READER_EVENT,
  reservedFor,
  STATE,
  TAKING,
  WAITERS_OFFSET,
  WRITE_LOCK,
  WRITER_DONE,
  WRITER_EVENT,
  WRITER_HOLDERS,
  writingBy,
} from '../src/layout.ts'
import { platform, threadNumber } from '../src/platform/node.ts'
import { blocking, endMortals, haunt, Mortal, NO_TID, nowMs, outcome, PEER_EXITED } from './support/mortals.ts'
import { handleOf, PATIENT } from './support/sides.ts'
import { until } from './support/threads.ts'

/** C28: deeds that a thread has left half done. The threads here never lived: they are known by what they left. */

afterEach(endMortals)

const GHOST = { id: NO_TID, start: 1, thread: 1_000_000 }
const OWNED = ownerIdentity(GHOST.thread, false)
const EXITED = expect.objectContaining({ code: 'ERR_PIPE_PEER_EXITED' })
/** Long beside what it takes to learn of a death, short beside any other time-out of the library. */
const SOON_MS = 900

const wordsOf = (half: PipeHandle): Int32Array => new Int32Array(half.memory)

/** What a reader that waits comes to after the deed: an awaited one, and one of another thread that blocks. */
async function readersAfter(capacity: number, deed: (words: Int32Array, reader: PipeReader) => void) {
  const pipes = [pipe({ capacity }), pipe({ capacity })] as const
  return waitersAfter(
    pipes.map(({ reader }) => reader),
    READER_EVENT,
    deed,
  )
}

/** The same for a writer; the buffer is full. */
async function writersAfter(capacity: number, deed: (words: Int32Array, writer: PipeWriter) => void) {
  const pipes = [pipe({ capacity }), pipe({ capacity })] as const
  if (capacity > 0) for (const { writer } of pipes) writer.writeSync(new Uint8Array(capacity))
  return waitersAfter(
    pipes.map(({ writer }) => writer),
    WRITER_EVENT,
    deed,
  )
}

async function waitersAfter<H extends PipeReader | PipeWriter>(
  halves: H[],
  event: number,
  deed: (words: Int32Array, half: H) => void,
): Promise<unknown[]> {
  const [here, there] = halves as [H, H]
  const target = new Uint8Array(4)
  const calls = [outcome('read' in here ? here.read(target, PATIENT) : here.write(target, PATIENT)), blocking(there, 4)]
  await until(() => halves.every((half) => wordsOf(half)[event + PARKED_OFFSET] === 1))
  const deedMs = nowMs()
  for (const half of halves) deed(wordsOf(half), half)
  const outcomes = await Promise.all(calls)
  for (const { atMs } of outcomes) expect(atMs - deedMs).toBeLessThan(SOON_MS)
  return outcomes.map(({ value }) => value)
}

const CLOSED_THERE = { code: 'ERR_PIPE_CLOSED', bytesRead: undefined, bytesWritten: 0 }
const CUT_SHORT = { code: 'ERR_PIPE_PEER_EXITED', bytesRead: undefined, bytesWritten: 2 }

describe('half-finished ends', () => {
  test.each([
    ['rendezvous', 0],
    ['buffered', 4],
  ])('a half was closed, and nobody told: %s', async (_, capacity) => {
    expect(await readersAfter(capacity, (words) => Atomics.store(words, WRITER_DONE, CLOSED))).toEqual([null, null])
    expect(await writersAfter(capacity, (words) => Atomics.store(words, READER_DONE, CLOSED))).toEqual([
      CLOSED_THERE,
      CLOSED_THERE,
    ])
  })

  test('an end that has not reached the buffer', async () => {
    const deed = (done: number) => (words: Int32Array) => {
      Atomics.store(words, done, CLOSED)
      Atomics.or(words, HANDOFF, ENDED)
    }
    expect(await readersAfter(4, deed(WRITER_DONE))).toEqual([null, null])
    expect(await writersAfter(4, deed(READER_DONE))).toEqual([CLOSED_THERE, CLOSED_THERE])
  })

  test('an error whose author died over its text', async () => {
    const deed = (words: Int32Array, half: PipeHandle): void => {
      haunt({ memory: half.memory, half: 'writer' }, 1, GHOST)
      Atomics.store(words, WRITER_DONE, writingBy(GHOST.thread))
    }
    const outcomes = await readersAfter(0, deed)
    expect(outcomes).toEqual([EXITED, EXITED])
  })

  test('a wake that was swallowed', async () => {
    const writes: Promise<number>[] = []
    const pipes = [pipe(), pipe()] as const
    const writerOf = new Map(pipes.map(({ reader, writer }) => [reader, writer]))
    const outcomes = await waitersAfter(
      pipes.map(({ reader }) => reader),
      READER_EVENT,
      (words, reader) => {
        Atomics.store(words, READER_EVENT + PARKED_OFFSET, 0)
        writes.push((writerOf.get(reader) as PipeWriter).write('x', PATIENT))
      },
    )
    expect(outcomes).toEqual([1, 1])
    expect(await Promise.all(writes)).toEqual([1, 1])
  })
})

describe('what the owner of a lock has left', () => {
  test('a match that it was taking: the writer has what was drained', async () => {
    const outcomes = await writersAfter(0, (words, writer) => {
      haunt({ memory: writer.memory, half: 'reader' }, 1, GHOST)
      Atomics.store(words, READ_LOCK, OWNED)
      Atomics.store(words, HANDOFF, inState(words[HANDOFF] as number, TAKING))
      Atomics.store(words, DRAINED, 2)
    })
    expect(outcomes).toEqual([CUT_SHORT, CUT_SHORT])
  })

  test.each([
    ['not answered for', 2],
    ['answered for in part', 3],
    ['answered for', 4],
  ])(
    'a match in place, bytes that were %s: the writer has what was drained, the dead take nothing',
    async (_, lentTo) => {
      const outcomes = await writersAfter(0, (words, writer) => {
        haunt({ memory: writer.memory, half: 'reader' }, 1, GHOST)
        Atomics.store(words, READ_LOCK, OWNED)
        Atomics.store(words, DRAINED, 2)
        Atomics.store(words, LENT_TO, lentTo)
        Atomics.store(words, HANDOFF, inState(words[HANDOFF] as number, LENT))
      })
      expect(outcomes).toEqual([CUT_SHORT, CUT_SHORT])
    },
  )

  test('a lock with nothing begun, before and while others come for it', async () => {
    const { reader, writer } = pipe()
    // So that the halves have a holder that lives, whenever the threads below come to it.
    PipeWriter.from(writer)
    PipeReader.from(reader)
    for (const [half, lock] of [
      [reader, READ_LOCK],
      [writer, WRITE_LOCK],
    ] as const) {
      haunt(half, 1, GHOST)
      Atomics.store(wordsOf(half), lock, OWNED)
    }
    const written = blocking(writer, 4)
    expect(await reader.read(new Uint8Array(8), PATIENT)).toBe(4)
    expect((await written).value).toBe(4)
    Atomics.store(wordsOf(reader), READ_LOCK, OWNED)
    const write = writer.write('abc', PATIENT)
    await until(() => ((wordsOf(writer)[HANDOFF] as number) & STATE) === OFFERED)
    expect(reader.stats().writerClosed).toBe(false)
    expect((await blocking(reader, 8)).value).toBe(3)
    expect(await write).toBe(3)
  })

  test('a lock reserved for it, and places in the queue', async () => {
    const { reader, writer } = pipe()
    const words = wordsOf(writer)
    const everyPlace = 2 ** MAX_QUEUED - 1
    for (const lock of [WRITE_LOCK, READ_LOCK]) {
      Atomics.store(words, lock + WAITERS_OFFSET, everyPlace)
      Atomics.store(words, lock, reservedFor(7))
    }
    const write = writer.write('ab', PATIENT)
    const other = blocking(writer, 3)
    const read = async () => reader.read(new Uint8Array(8), PATIENT)
    expect([await read(), await read()].toSorted()).toEqual([2, 3])
    expect(await write).toBe(2)
    expect((await other).value).toBe(3)
  })
})

describe('how the system knows threads', () => {
  const { id, start } = platform.system ?? { id: 0, start: 0 }

  test.each([
    ['a number that is used again', { ...GHOST, id, start: start - 1 }],
    ['a number that is not used again', GHOST],
    ['one that died before it gave its start and its name', { id: NO_TID, start: 0, thread: 0 }],
  ])('%s: dead', async (_, ghost) => {
    const haunted = (half: PipeHandle['half']) => (_: Int32Array, peer: PipeHandle) =>
      haunt({ memory: peer.memory, half }, 1, ghost)
    expect(await readersAfter(0, haunted('writer'))).toEqual([EXITED, EXITED])
    expect(await writersAfter(4, haunted('reader'))).toEqual([EXITED, EXITED])
  })

  test.each([
    ['a thread that lives', { ...GHOST, id, start }],
    ['one that lives, and has not given its start and its name', { id, start: 0, thread: 0 }],
    ['one of a system that cannot look', { ...GHOST, id: -GHOST.thread, start: 0 }],
  ])('%s: waited for, though another one is dead', async (_, alive) => {
    const { reader, writer } = pipe({ capacity: 4 })
    for (const half of [reader, writer]) {
      haunt(half, 1, { ...GHOST, thread: 77 })
      haunt(half, 2, alive)
    }
    writer.writeSync('full')
    const write = outcome(writer.write('more', { timeout: 350 }))
    expect((await blocking(writer, 1, 300)).value).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
    expect((await write).value).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
  })

  test.each([
    ['nobody tells', false, 'ERR_PIPE_TIMEOUT'],
    ['a watch tells', true, PEER_EXITED.code],
  ])('where nobody can look, %s', async (_, watched, code) => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(({ PipeWriter }, handle, life) => {
      PipeWriter.from(handle)
      life.ready()
      life.park()
      life.die('process.exit')
    }, handleOf(writer))
    await mortal.ready()
    // The second slot is its: as it would have entered itself elsewhere.
    const elsewhere = holderIdentity(-threadNumber(mortal.worker.threadId), 0)
    new BigInt64Array(writer.memory)[identityAt(WRITER_HOLDERS + HOLDER_WORDS)] = elsewhere
    if (watched) watch(mortal.worker, writer)
    const read = outcome(reader.read(new Uint8Array(1), watched ? PATIENT : { timeout: 400 }))
    mortal.tell()
    expect((await read).value).toMatchObject({ code })
    await mortal.gone()
  })
})
