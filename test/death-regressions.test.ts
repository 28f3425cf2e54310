import { once } from 'node:events'
import { type PipeHandle, pipe } from 'threadpipe'
import { afterEach, describe, expect, test } from 'vitest'
import { HANDOFF, LENT, STATE, TAKING } from '../src/layout.ts'
import { endMortals, haunt, Mortal, NO_TID, PEER_EXITED } from './support/mortals.ts'
import { handleOf, PATIENT } from './support/sides.ts'
import { until } from './support/threads.ts'

/** What a review with the aim to break it has found in how deaths are handled (C28), each as it showed. */

afterEach(endMortals)

const wordsOf = (half: PipeHandle): Int32Array => new Int32Array(half.memory)
/** What a call throws; undefined if it does not. */
const thrownBy = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  )
const stateOf = (half: PipeHandle): number => (wordsOf(half)[HANDOFF] as number) & STATE

describe('what a dead reader had claimed for a destination is not taken', () => {
  test.each(['writeToSync', 'writeTo'] as const)('%s', async (call) => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(
      ({ PipeReader }, { reader, call }, life) => {
        const park = (): number => {
          life.park()
          return 0
        }
        if (call === 'writeToSync') return PipeReader.from(reader).writeToSync({ writeSync: park })
        return PipeReader.from(reader).writeTo({ write: () => new Promise(() => {}) })
      },
      { reader: handleOf(reader), call },
    )
    const write = thrownBy(writer.write('abcdef', PATIENT))
    await until(() => stateOf(reader) === LENT)
    void mortal.terminate()
    expect(await write).toMatchObject({ ...PEER_EXITED, bytesWritten: 0 })
    expect(writer.stats()).toMatchObject({ bytesWritten: 0, writes: 0 })
  })
})

describe('a thread that holds both halves and waits only for its turn is not waited for in vain', () => {
  test.each(['reader', 'writer'] as const)('its %s, while a third thread is dead', async (half) => {
    const { reader, writer } = pipe({ capacity: 100 })
    haunt(half === 'reader' ? writer : reader, 1, { id: NO_TID, start: 1, thread: 1_000_000 })
    const halves = { reader: handleOf(reader), writer: handleOf(writer), half }
    const both = new Mortal(({ PipeReader, PipeWriter }, { reader, writer, half }, life) => {
      const [input, output] = [PipeReader.from(reader), PipeWriter.from(writer)]
      output.writeSync(new Uint8Array(50))
      life.ready()
      life.park()
      const bytes = new Uint8Array(10)
      return half === 'reader'
        ? [input.readSync(bytes), output.writeSync(bytes)]
        : [output.writeSync(bytes), input.readSync(bytes)]
    }, halves)
    await both.ready()
    const busy = new Mortal(({ PipeReader, PipeWriter }, { reader, writer, half }, life) => {
      const lend = (): number => {
        life.ready()
        life.park()
        return 10
      }
      if (half === 'reader') PipeReader.from(reader).readInPlaceSync(lend)
      else PipeWriter.from(writer).writeInPlaceSync(10, lend)
    }, halves)
    await busy.ready()
    const replied = once(both.worker, 'message')
    both.tell()
    await until(() => {
      const { readerParks, writerParks } = reader.stats()
      return readerParks + writerParks > 0
    })
    // Longer than it takes to look around.
    await new Promise((resolve) => setTimeout(resolve, 500))
    busy.tell()
    const [reply] = await replied
    expect(reply).toMatchObject({ value: [10, 10] })
    expect(reader.stats()).toMatchObject({ readerClosed: false, writerClosed: false })
  })
})

describe('an end that came before the death counts', () => {
  test.each([
    ['abort', { name: 'RangeError', message: 'stop' }],
    ['close', { code: 'ERR_PIPE_CLOSED' }],
  ])('%s, then the reader in the match dies', async (end, expected) => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(
      ({ PipeReader }, handle, life) => PipeReader.from(handle).readInPlaceSync(() => life.park()),
      handleOf(reader),
    )
    const write = thrownBy(writer.write('abcdef', PATIENT))
    await until(() => stateOf(reader) === LENT)
    if (end === 'abort') writer.abort(new RangeError('stop'))
    else reader.close()
    void mortal.terminate()
    expect(await write).toMatchObject({ ...expected, bytesWritten: 0 })
  })

  test('abort, then the writer in the match dies', async () => {
    const { reader, writer } = pipe({ window: 64 })
    const mortal = new Mortal(({ PipeWriter }, handle, life) => {
      void PipeWriter.from(handle)
        .write(new Uint8Array(1000))
        .catch(() => {})
      life.park()
    }, handleOf(writer))
    const read = thrownBy(reader.read(new Uint8Array(1000), PATIENT))
    await until(() => stateOf(reader) === TAKING)
    reader.abort(new RangeError('stop'))
    void mortal.terminate()
    expect(await read).toMatchObject({ name: 'RangeError', message: 'stop' })
  })
})

test('a close that follows the death of a thread amid its write makes no end of file of it', async () => {
  const { reader, writer } = pipe({ capacity: 1000 })
  const mortal = new Mortal(
    ({ PipeWriter }, handle) => PipeWriter.from(handle).writeSync(new Uint8Array(100_000)),
    handleOf(writer),
  )
  await until(() => writer.stats().buffered === 1000)
  await mortal.terminate()
  // For some ms after its exit the system still shows a thread.
  await mortal.gone()
  writer.close()
  expect(writer.stats().writerClosed).toBe(true)
  expect(await reader.read(new Uint8Array(2000), PATIENT)).toBe(1000)
  await expect(reader.read(new Uint8Array(2000), PATIENT)).rejects.toMatchObject(PEER_EXITED)
})
