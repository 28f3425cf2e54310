import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from 'chai'
import { copySync, pipe, readAll } from 'threadpipe'
import { fdReader, fdWriter, toReadable, toWritable } from 'threadpipe/node'
import { counting, handleOf, text } from '../support/sides.ts'
import type { Case } from './bench.ts'

/** `threadpipe/node`, for runtimes that have Node's modules. */
export const nodeOnly: readonly Case[] = [
  {
    name: 'Node streams are read from and written to a thread',
    features: ['Node streams and files'],
    async run(bench) {
      const [from, to] = [pipe(), pipe({ capacity: 100 })]
      const sent = bench
        .side('blocking')
        .writeAll(from.writer, ['one ', 'two'])
        .then(() => from.writer.close())
      const received = bench
        .thread()
        .run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
          handle: handleOf(to.reader),
        })
      const sink = toWritable(to.writer)
      for await (const chunk of toReadable(from.reader)) sink.write(chunk)
      sink.end()
      await sent
      assert.equal(text(await received), 'one two')
    },
  },
  {
    name: 'files are copied into pipes and out of them',
    features: ['Node streams and files'],
    async run(bench) {
      const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
      try {
        const [source, target] = ['source', 'target'].map((name) => join(folder, name)) as [string, string]
        writeFileSync(source, counting(300_000))
        const { reader, writer } = pipe()
        const received = bench
          .thread()
          .run(({ PipeReader, readAllSync }, { handle }) => readAllSync(PipeReader.from(handle)), {
            handle: handleOf(reader),
          })
        const fd = openSync(source, 'r')
        if (bench.runtime.mainMayBlock) assert.equal(copySync(writer, fdReader(fd)), 300_000)
        closeSync(fd)
        writer.close()
        const bytes = await received
        assert.deepEqual(bytes, counting(300_000))
        const out = openSync(target, 'w')
        const back = pipe({ capacity: 1000 })
        const written = fdWriter(out)
        const all = back.reader.writeTo(written)
        await back.writer.write(bytes)
        back.writer.close()
        assert.equal(await all, 300_000)
        closeSync(out)
        assert.deepEqual(new Uint8Array(readFileSync(target)), counting(300_000))
        assert.lengthOf(await readAll(back.reader), 0)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    },
  },
]
