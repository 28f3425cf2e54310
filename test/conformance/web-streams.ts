import { assert } from 'chai'
import { pipe, readAll } from 'threadpipe'
import { toReadableStream, toWritableStream } from 'threadpipe/web'
import { failureOf } from '../support/caller.ts'
import { counting, handleOf, text } from '../support/sides.ts'
import type { Case } from './bench.ts'

/** Web streams over pipes. */
export const webStreams: readonly Case[] = [
  {
    name: 'a readable stream gives what a thread writes, to the end',
    features: ['web streams'],
    async run(bench) {
      const { reader, writer } = pipe()
      const sent = bench
        .side('blocking')
        .writeAll(writer, ['ab', '', counting(100_000)])
        .then(() => writer.close())
      const consumer = toReadableStream(reader).getReader()
      const seen: number[] = []
      for (;;) {
        const { done, value } = await consumer.read()
        if (done) break
        for (const byte of value) seen.push(byte)
      }
      await sent
      assert.deepEqual(Uint8Array.from(seen), Uint8Array.of(97, 98, ...counting(100_000)))
    },
  },
  {
    name: "a readable stream fills the consumer's own buffer (BYOB)",
    features: ['web streams'],
    async run(bench) {
      const { reader, writer } = pipe()
      const sent = bench
        .side('blocking')
        .write(writer, 'abcdef')
        .then(() => writer.close())
      const consumer = toReadableStream(reader).getReader({ mode: 'byob' })
      let view = new Uint8Array(new ArrayBuffer(4))
      const seen: (string | null)[] = []
      for (;;) {
        const { done, value } = await consumer.read(view)
        if (done) break
        seen.push(text(value.slice()))
        view = new Uint8Array(value.buffer as ArrayBuffer)
      }
      await sent
      assert.deepEqual(seen, ['abcd', 'ef'])
    },
  },
  {
    name: 'cancelling a readable stream ends the writer with the reason',
    features: ['web streams'],
    async run(bench) {
      const { reader, writer } = pipe()
      const stream = toReadableStream(reader)
      const write = failureOf(bench.side('blocking').writeAll(writer, ['a', 'b', 'c']))
      await stream.cancel(new SyntaxError('enough'))
      const { class: className, message } = await write
      assert.deepEqual([className, message], ['SyntaxError', 'enough'])
    },
  },
  {
    name: 'a writable stream writes, and closes; streams are piped through',
    features: ['web streams'],
    async run(bench) {
      const [from, to] = [pipe(), pipe({ capacity: 1000 })]
      const sent = bench
        .side('blocking')
        .writeAll(from.writer, ['one ', 'two'])
        .then(() => from.writer.close())
      const received = bench
        .thread()
        .run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
          handle: handleOf(to.reader),
        })
      await toReadableStream(from.reader).pipeTo(toWritableStream(to.writer))
      await sent
      assert.equal(text(await received), 'one two')
    },
  },
  {
    name: "a writable stream takes the reader's error, and gives its own when it is aborted",
    features: ['web streams'],
    async run() {
      const refused = pipe()
      refused.reader.closeWithError(new RangeError('no more'))
      const sink = toWritableStream(refused.writer).getWriter()
      sink.closed.catch(() => {})
      const failed = await sink.write('x').catch((error: Error) => error)
      assert.deepEqual([(failed as Error).constructor, (failed as Error).message], [RangeError, 'no more'])
      const aborted = pipe()
      const all = readAll(aborted.reader).catch((error: Error) => error)
      await toWritableStream(aborted.writer).abort(new SyntaxError('stopped'))
      assert.equal(((await all) as Error).message, 'stopped')
    },
  },
]
