import { type PipeHandle, type PipeReader, PipeWriter, pipe } from 'threadpipe'
import { afterEach, describe, expect, test } from 'vitest'
import { HANDOFF, IDLE, OFFERED, READ_LOCK, STATE, WAITERS_OFFSET, WRITE_LOCK } from '../src/layout.ts'
import { blocking, endMortals, Mortal, outcome } from './support/mortals.ts'
import { handleOf, PATIENT } from './support/sides.ts'
import { thread, until } from './support/threads.ts'

/** C28: a death takes nothing from those who can go on, and silence is no death. */

afterEach(endMortals)

const wordOf = (half: PipeHandle, word: number): number => Atomics.load(new Int32Array(half.memory), word)
const queued = (half: PipeHandle, lock: number): number => wordOf(half, lock + WAITERS_OFFSET)

async function readText(reader: PipeReader): Promise<string | null> {
  const target = new Uint8Array(8)
  const n = await reader.read(target, PATIENT)
  return n === null ? null : new TextDecoder().decode(target.subarray(0, n))
}

describe('one of several dies', () => {
  test('a writer that is idle, queued, or has the lock and nothing offered: the others go on, to their end of file', async () => {
    const pipes = [pipe(), pipe(), pipe(), pipe({ capacity: 8 })] as const
    const [idle, behind, inPlace, buffered] = pipes
    // Who has made a pipe is not waited for until it uses a half, or rebuilds it.
    for (const { writer } of [idle, buffered]) PipeWriter.from(handleOf(writer))
    const first = behind.writer.write('main', PATIENT)
    await until(() => (wordOf(behind.writer, HANDOFF) & STATE) === OFFERED)
    const mortal = new Mortal(
      ({ PipeWriter }, { idle, buffered, inPlace, behind }, life) => {
        PipeWriter.from(idle)
        PipeWriter.from(buffered).writeSync('its')
        PipeWriter.from(inPlace).writeInPlaceSync(4, () => {
          life.ready()
          PipeWriter.from(behind).writeSync('lost')
        })
      },
      {
        idle: handleOf(idle.writer),
        buffered: handleOf(buffered.writer),
        inPlace: handleOf(inPlace.writer),
        behind: handleOf(behind.writer),
      },
    )
    await mortal.ready()
    await until(() => queued(behind.writer, WRITE_LOCK) !== 0)
    expect(wordOf(inPlace.writer, HANDOFF) & STATE).toBe(IDLE)
    const queuedThere = blocking(inPlace.writer, 4)
    const queuedHere = inPlace.writer.write('here', PATIENT)
    await until(() => (queued(inPlace.writer, WRITE_LOCK) & 3) === 3)
    void mortal.terminate()
    await mortal.gone()

    const written = new Set([await readText(inPlace.reader), await readText(inPlace.reader)])
    expect(written).toEqual(new Set(['here', '\0\0\0\0']))
    expect((await queuedThere).value).toBe(4)
    expect(await queuedHere).toBe(4)
    expect(await readText(behind.reader)).toBe('main')
    expect(await first).toBe(4)
    expect(await readText(buffered.reader)).toBe('its')
    for (const { reader, writer } of pipes) {
      const read = readText(reader)
      // long enough to look after the dead one meanwhile
      expect(await outcome(reader.read(new Uint8Array(1), { timeout: 250 }))).toMatchObject({
        value: { code: 'ERR_PIPE_TIMEOUT' },
      })
      expect(await writer.write('more', PATIENT)).toBe(4)
      expect(await read).toBe('more')
      writer.close()
      expect(await readText(reader)).toBe(null)
    }
  })

  test('a reader that waits for an offer, queued or not: the others go on', async () => {
    const [blocked, awaited, behind] = [pipe(), pipe(), pipe()]
    const buffered = pipe({ capacity: 8 })
    const first = behind.reader.read(new Uint8Array(4), PATIENT)
    await until(() => wordOf(behind.reader, READ_LOCK) !== 0)
    const mortal = new Mortal(
      ({ PipeReader }, { awaited, blocked }) => {
        for (const handle of awaited)
          void PipeReader.from(handle)
            .read(new Uint8Array(4))
            .catch(() => {})
        PipeReader.from(blocked).readSync(new Uint8Array(4))
      },
      {
        awaited: [awaited.reader, behind.reader, buffered.reader].map(handleOf),
        blocked: handleOf(blocked.reader),
      },
    )
    await until(() => wordOf(blocked.reader, READ_LOCK) > 0 && queued(behind.reader, READ_LOCK) !== 0)
    const others = [
      blocking(blocked.reader, 4),
      outcome(awaited.reader.read(new Uint8Array(4), PATIENT)),
      outcome(buffered.reader.read(new Uint8Array(4), PATIENT)),
    ]
    for (const { reader } of [blocked, awaited, buffered]) await until(() => queued(reader, READ_LOCK) !== 0)
    void mortal.terminate()
    await mortal.gone()

    for (const [i, { writer }] of [blocked, awaited, buffered].entries()) {
      expect(await writer.write('x'.repeat(i + 1), PATIENT)).toBe(i + 1)
      expect((await others[i])?.value).toBe(i + 1)
    }
    expect(await behind.writer.write('abc', PATIENT)).toBe(3)
    expect(await first).toBe(3)
    for (const { reader, writer } of [blocked, awaited, behind, buffered]) {
      const read = readText(reader)
      expect(await writer.write('more', PATIENT)).toBe(4)
      expect(await read).toBe('more')
      writer.close()
      expect(await readText(reader)).toBe(null)
    }
  })

  test('the maker of a pipe, who has given its halves away, is not waited for', async () => {
    const { reader, writer } = pipe()
    const mortal = new Mortal(({ PipeWriter }, handle) => PipeWriter.from(handle).writeSync('last'), handleOf(writer))
    expect(await readText(reader)).toBe('last')
    void mortal.terminate()
    expect(await outcome(readText(reader))).toMatchObject({ value: { code: 'ERR_PIPE_PEER_EXITED' } })
  })
})

/** How long peers are silent: `SILENCE_MINUTES=10 WATCHDOG_MS=900000 npx vitest run death-others` shows that no time is too long. */
const SILENCE_MS = Number(process.env['SILENCE_MINUTES'] ?? 0) * 60_000 || 2500

describe('no false alarm', () => {
  test('peers that compute, that are parked elsewhere and that idle are waited for', {
    timeout: SILENCE_MS + 20_000,
  }, async () => {
    const manners = ['computes', 'is parked elsewhere', 'idles', 'waits for a pipe'] as const
    const elsewhere = pipe()
    const silent = manners.map((manner) => {
      const pipes = { read: pipe(), written: pipe(), stored: pipe({ capacity: 4 }) }
      const mortal = new Mortal(
        async ({ PipeReader, PipeWriter }, { manner, read, written, stored, elsewhere }, life) => {
          const [source, sink, full] = [PipeReader.from(read), PipeWriter.from(written), PipeReader.from(stored)]
          life.ready()
          if (manner === 'computes') while (!life.told());
          if (manner === 'is parked elsewhere') life.park()
          if (manner === 'waits for a pipe') PipeReader.from(elsewhere).readSync(new Uint8Array(1))
          while (!life.told()) await new Promise((resolve) => setTimeout(resolve, 50))
          for (const reader of [source, full]) reader.readSync(new Uint8Array(4), { timeout: 10_000 })
          sink.writeSync('done', { timeout: 10_000 })
        },
        {
          manner,
          read: handleOf(pipes.read.reader),
          written: handleOf(pipes.written.writer),
          stored: handleOf(pipes.stored.reader),
          elsewhere: handleOf(elsewhere.reader),
        },
      )
      return { ...pipes, mortal }
    })
    await Promise.all(silent.map(({ mortal }) => mortal.ready()))
    for (const { stored } of silent) stored.writer.writeSync('full')
    const limit = { timeout: SILENCE_MS + 15_000 }
    const waits = silent.map(({ read, written, stored }) =>
      Promise.all([
        read.writer.write('go on', limit),
        stored.writer.write('more', limit),
        written.reader.read(new Uint8Array(4), limit),
      ]),
    )
    const watcher = thread()
    const untilMs = performance.now() + SILENCE_MS
    while (performance.now() < untilMs) {
      await Promise.race([...waits, new Promise((resolve) => setTimeout(resolve, 20))])
      // blocking looks too: queued here behind the awaited one
      for (const { read } of silent) expect(pollOf(read.writer)).toBe('ERR_PIPE_TIMEOUT')
      const { value } = await blocking(silent[0]?.written.reader as PipeReader, 4, 400, watcher)
      expect(value).toMatchObject({ code: 'ERR_PIPE_TIMEOUT' })
    }
    for (const { mortal } of silent) mortal.tell()
    const wake = elsewhere.writer.write('x', PATIENT)
    const rests = silent.map(({ read }) => read.reader.read(new Uint8Array(1), PATIENT))
    expect(await Promise.all(waits)).toEqual(manners.map(() => [5, 4, 4]))
    expect(await Promise.all(rests)).toEqual(manners.map(() => 1))
    expect(await wake).toBe(1)
  })
})

function pollOf(writer: PipeWriter): unknown {
  try {
    return writer.writeSync('x', { timeout: 0 })
  } catch (error) {
    return (error as { code: unknown }).code
  }
}
