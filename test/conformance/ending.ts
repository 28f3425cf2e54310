import { assert } from 'chai'
import { PipeError, type PipeOptions, type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import type { ErrorDescription, Kind } from '../../workers/calls.ts'
import { failureOf, until } from '../support/caller.ts'
import { handleOf, KINDS, PATIENT, Side, text } from '../support/sides.ts'
import { type Bench, type Case, type Feature, featureOf } from './bench.ts'

/** C10 to C18, C26 and C27: how a pipe ends. */

const COUNT = 4

/** Waits until calls of a half are asleep. */
function blocked(half: PipeReader | PipeWriter, count = 1): Promise<void> {
  return until(() => (half.half === 'reader' ? half.stats().readerParks : half.stats().writerParks) >= count)
}

function assertClosed({ name, code }: ErrorDescription): void {
  assert.deepEqual({ name, code }, { name: 'PipeError', code: 'ERR_PIPE_CLOSED' })
}

const kinds = KINDS.flatMap(({ kind }): Case[] => {
  const features: Feature[] = ['ends and errors', featureOf(kind)]
  const named = (name: string, run: Case['run']): Case => ({ name: `${name}; ${kind}`, features, run })
  return [
    named('C10: closing never throws, may be repeated, and works from any thread that holds the half', (bench) =>
      closing(bench, kind),
    ),
    named('C12: own calls after an own close never see the own error', async (bench) => {
      const { reader, writer } = pipe()
      writer.closeWithError(new Error('mine'))
      const failure = await failureOf(bench.side(kind).write(writer, 'x'))
      assertClosed(failure)
      assert.equal(failure.bytesWritten, 0)
      const other = pipe()
      other.reader.closeWithError(new Error('mine'))
      assertClosed(await failureOf(bench.side(kind).read(other.reader, 1)))
      assert.equal((await failureOf(bench.side(kind).read(reader, 1))).message, 'mine')
    }),
    named('C13: the first end of a half stays', async (bench) => {
      const side = bench.side(kind)
      const clean = pipe()
      clean.writer.close()
      clean.writer.closeWithError(new Error('too late'))
      assert.isNull(await side.read(clean.reader, 1))
      const failed = pipe()
      failed.reader.closeWithError(new TypeError('E1'))
      failed.reader.closeWithError(new RangeError('E2'))
      const { class: className, message } = await failureOf(side.write(failed.writer, ''))
      assert.deepEqual([className, message], ['TypeError', 'E1'])
    }),
    named('C14: both closed: errors of their own are not seen', async (bench) => {
      for (const readerFirst of [true, false]) {
        const { reader, writer } = pipe()
        for (const half of readerFirst ? [reader, writer] : [writer, reader]) half.closeWithError(new Error('unseen'))
        assertClosed(await failureOf(bench.side(kind).read(reader, 1)))
        assertClosed(await failureOf(bench.side(kind).write(writer, 'x')))
      }
    }),
    named('C11, C15, C18: closing amid a write tells the bytes taken and drops the rest', async (bench) => {
      for (const closing of ['writer', 'reader']) {
        const { reader, writer } = pipe()
        const write = bench.side(kind).write(writer, 'abcdef')
        assert.deepEqual((await bench.side(kind).readAll(reader, [2, 2])).map(text), ['ab', 'cd'])
        if (closing === 'writer') writer.close()
        else reader.closeWithError(new RangeError('enough'))
        const failure = await failureOf(write)
        assert.equal(failure.bytesWritten, 4)
        const next = bench.side(kind).read(reader, 8)
        if (closing === 'writer') {
          assertClosed(failure)
          assert.isNull(await next)
        } else {
          assert.deepEqual([failure.class, failure.message], ['RangeError', 'enough'])
          assertClosed(await failureOf(next))
        }
      }
    }),
    named('C16: closing the writer wakes every reader', async (bench) => {
      const { reader, writer } = pipe()
      const reads = bench.threads(COUNT).map((thread) => new Side(thread, kind).read(reader, 8))
      await blocked(reader, COUNT)
      writer.close()
      assert.deepEqual(await Promise.all(reads), Array(COUNT).fill(null))
    }),
    named('C16: closing either half wakes every writer, and those behind it', async (bench) => {
      for (const closing of ['reader', 'writer'] as const) {
        const halves = pipe()
        const writes = bench.threads(COUNT).map((thread) => failureOf(new Side(thread, kind).write(halves.writer, 'x')))
        await blocked(halves.writer, COUNT)
        halves[closing].close()
        for (const failure of await Promise.all(writes)) {
          assertClosed(failure)
          assert.equal(failure.bytesWritten, 0)
        }
      }
    }),
    named('C17: after a close no new match starts', async (bench) => {
      const { reader, writer } = pipe()
      const write = failureOf(bench.side(kind).write(writer, 'abc'))
      await blocked(writer)
      writer.close()
      assert.isNull(await bench.side(kind).read(reader, 8))
      assert.equal((await write).bytesWritten, 0)
      const { bytesRead, bytesWritten, reads, writes } = reader.stats()
      assert.deepEqual([bytesRead, bytesWritten, reads, writes], [0, 0, 0, 0])
    }),
    named('C26: an abort ends both halves with its error, blocked or later, and outranks closing', async (bench) => {
      const { reader, writer } = pipe()
      const write = failureOf(bench.side(kind).write(writer, 'abc'))
      await blocked(writer)
      reader.abort(new SyntaxError('stop'))
      const failures = [await write]
      reader.close()
      writer.closeWithError(new Error('unseen'))
      writer.abort(new Error('second'))
      failures.push(await failureOf(bench.side(kind).read(reader, 1)))
      failures.push(await failureOf(bench.side(kind).write(writer, 'x')))
      for (const failure of failures) assert.deepEqual([failure.class, failure.message], ['SyntaxError', 'stop'])
      assert.equal(failures[0]?.bytesWritten, 0)
    }),
    named('C6, C18: closed at any moment, bytes counted by writes are the bytes returned by reads', (bench) =>
      accounting(bench, kind),
    ),
    named('iterators give a chunk for each write, to the end', async (bench) => {
      const { reader, writer } = pipe()
      const sent = bench.side('blocking').writeAll(writer, ['ab', '', 'c'])
      const chunks = bench.thread().run(
        async ({ PipeReader }, { handle, kind }) => {
          const reader = PipeReader.from(handle)
          const chunks: Uint8Array[] = []
          if (kind === 'blocking') chunks.push(...reader)
          else for await (const chunk of reader) chunks.push(chunk)
          return chunks
        },
        { handle: handleOf(reader), kind },
      )
      await sent
      writer.close()
      assert.deepEqual((await chunks).map(text), ['ab', 'c'])
    }),
  ]
})

async function closing(bench: Bench, kind: Kind): Promise<undefined> {
  const { reader, writer } = pipe()
  const read = bench.side(kind).read(reader, 8)
  await blocked(reader)
  await bench.thread().run(
    ({ PipeWriter }, { handle }) => {
      const writer = PipeWriter.from(handle)
      for (let i = 0; i < 3; i += 1) {
        writer.close()
        writer.closeWithError(new Error('later'))
      }
    },
    { handle: handleOf(writer) },
  )
  assert.isNull(await read)
  for (const half of [reader, writer]) {
    half.close()
    half.closeWithError(null)
    half.abort(new Error('after all'))
    half[Symbol.dispose]()
  }
}

async function accounting(bench: Bench, kind: Kind): Promise<undefined> {
  const [left, right] = [bench.thread(), bench.thread()]
  for (let round = 0; round < 9; round += 1) {
    const { reader, writer } = pipe({ window: 256 })
    const wrote = left.run(
      async ({ ops, PipeWriter }, { handle, kind }) => {
        const writer = PipeWriter.from(handle)
        let sent = 0
        try {
          for (let i = 1; ; i += 1) sent += await ops(kind).write(writer, new Uint8Array((i * 97) % 1000))
        } catch (error) {
          return sent + (error as { bytesWritten: number }).bytesWritten
        }
      },
      { handle: handleOf(writer), kind },
    )
    const read = right.run(
      async ({ ops, PipeReader }, { handle, kind }) => {
        const reader = PipeReader.from(handle)
        let got = 0
        try {
          for (let i = 1; ; i += 1) {
            const n = await ops(kind).read(reader, new Uint8Array((i * 61) % 700))
            if (n === null) return got
            got += n
          }
        } catch {
          return got
        }
      },
      { handle: handleOf(reader), kind },
    )
    await until(() => reader.stats().reads > 20 + round)
    if (round % 3 === 0) writer.close()
    else if (round % 3 === 1) reader.close()
    else reader.abort(new Error('enough'))
    assert.equal(await wrote, await read)
    assert.equal(reader.stats().bytesRead, reader.stats().bytesWritten)
  }
}

/** An error as the other half sees it. */
async function travel(error: Error, options: PipeOptions = {}): Promise<Error & Record<string, unknown>> {
  const { reader, writer } = pipe(options)
  writer.closeWithError(error)
  try {
    await reader.read(new Uint8Array(1), PATIENT)
  } catch (seen) {
    return seen as Error & Record<string, unknown>
  }
  return assert.fail('the read must throw')
}

const errors: Case[] = [
  {
    name: 'C27: an error reaches a blocked thread though no event loop turns',
    features: ['ends and errors', 'blocking'],
    async run(bench) {
      const { reader, writer } = pipe()
      const read = failureOf(bench.side('blocking').read(reader, 1))
      await blocked(reader)
      const cause = new TypeError('inner')
      writer.closeWithError(Object.assign(new RangeError('outer', { cause }), { code: 'E_X', size: 3 }))
      const { class: className, message, code, own, cause: seen } = await read
      assert.deepEqual([className, message, code, own['size']], ['RangeError', 'outer', 'E_X', 3])
      assert.deepEqual([(seen as ErrorDescription).class, (seen as ErrorDescription).message], ['TypeError', 'inner'])
    },
  },
  {
    name: 'C27: errors keep class, name, message, stack, code, cause and own properties',
    features: ['ends and errors'],
    async run() {
      const cause = Object.assign(new TypeError('inner', { cause: { plain: [1, 2] } }), { code: 'E_IN' })
      const error = Object.assign(new RangeError('outer', { cause }), { code: 'E_OUT', detail: { n: 1 } })
      const seen = await travel(error)
      assert.instanceOf(seen, RangeError)
      assert.notEqual<Error>(seen, error)
      const { message, stack, code } = seen
      assert.deepEqual({ message, stack, code }, { message: 'outer', stack: error.stack, code: 'E_OUT' })
      assert.deepEqual(seen['detail'], { n: 1 })
      const inner = seen.cause as Error & Record<string, unknown>
      assert.instanceOf(inner, TypeError)
      assert.deepEqual([inner.message, inner['code'], inner.cause], ['inner', 'E_IN', { plain: [1, 2] }])
    },
  },
  {
    name: 'C27: DOMException, AggregateError, PipeError, and a class that only one thread knows',
    features: ['ends and errors'],
    async run() {
      const dom = await travel(new DOMException('no', 'NotAllowedError'))
      assert.instanceOf(dom, DOMException)
      assert.equal(dom.name, 'NotAllowedError')
      const many = await travel(new AggregateError([new TypeError('a'), new Error('b')], 'many'))
      assert.instanceOf(many, AggregateError)
      assert.deepEqual(
        (many as unknown as AggregateError).errors.map((member: Error) => [member.constructor, member.message]),
        [
          [TypeError, 'a'],
          [Error, 'b'],
        ],
      )
      class Own extends TypeError {
        override name = 'OwnError'
      }
      const own = await travel(new Own('mine'))
      assert.instanceOf(own, TypeError)
      assert.deepEqual([own.name, own.message], ['OwnError', 'mine'])
      const pipeError = await travel(new PipeError('ERR_PIPE_SHORT_WRITE', 'short'))
      assert.deepEqual([pipeError.name, pipeError['code']], ['PipeError', 'ERR_PIPE_SHORT_WRITE'])
    },
  },
  {
    name: 'C27: what does not fit is cut, from the stack first',
    features: ['ends and errors'],
    async run() {
      const error = Object.assign(new Error('a message of some length'), { code: 'E_LONG' })
      error.stack = `Error: a message of some length\n${'    at somewhere (file.js:1:1)\n'.repeat(200)}`
      const seen = await travel(error, { errorBytes: 256 })
      assert.deepEqual([seen.message, seen['code']], ['a message of some length', 'E_LONG'])
      assert.match(seen.stack as string, /^Error: a message of some length\n.*… \[cut\]$/s)
      const long = await travel(new Error('€'.repeat(10_000)), { errorBytes: 256 })
      assert.match(long.message, /^€{20,}… \[cut\]$/)
    },
  },
]

export const ending: readonly Case[] = [...kinds, ...errors]
