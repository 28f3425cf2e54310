import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert } from 'chai'
import { exec, fromFile, type Part, parallel, pipeline, stage, toFile } from 'threadpipe/pipeline'
import { counting } from '../support/sides.ts'
import type { Case } from './bench.ts'

/** `threadpipe/pipeline`, for runtimes that have Node's modules and threads. */

const COUNT = 300_000

const MODULES = {
  flip: `export default ({ input, output }) => {
    const bytes = new Uint8Array(1000)
    for (let n; (n = input.readSync(bytes)) !== null; ) output.writeSync(bytes.subarray(0, n).map((byte) => byte ^ 1))
    return 'flipped'
  }`,
  flipChunk: 'export default async (chunk) => chunk.map((byte) => byte ^ 1)',
  fails: "export default ({ input }) => { input.readSync(new Uint8Array(5)); throw new RangeError('enough') }",
  dies: 'export default ({ input }) => { input.readSync(new Uint8Array(5)); process.exit(3) }',
  waits:
    'export default ({ input }) => { for (const bytes of input); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0) }',
}

interface Place {
  source: string
  target: string
  /** A module whose default export is one of those. */
  module(name: keyof typeof MODULES): string
}

/** A case with a folder of its own, in which it leaves nothing but what was there before. */
function filed(name: string, run: (place: Place) => Promise<void>): Case {
  return {
    name,
    features: ['pipelines'],
    async run() {
      const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
      const source = join(folder, 'source')
      writeFileSync(source, counting(COUNT))
      const module = (module: keyof typeof MODULES): string => {
        const path = join(folder, `${module}.mjs`)
        writeFileSync(path, MODULES[module])
        return path
      }
      try {
        await run({ source, target: join(folder, 'target'), module })
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
      return undefined
    },
  }
}

async function failureOf(finished: Promise<unknown>): Promise<Error> {
  return finished.then(
    () => assert.fail('the pipeline must fail'),
    (error: Error) => error,
  )
}

async function failure(target: string, parts: Part[]): Promise<string> {
  const { message } = await failureOf(pipeline([...parts, toFile(target)]).finished)
  assert.isFalse(existsSync(target))
  return message
}

export const pipelines: readonly Case[] = [
  filed('a pipeline goes through stages, parallel ones and a child process', async ({ source, target, module }) => {
    const { finished } = pipeline([
      fromFile(source),
      stage(module('flip')),
      parallel(module('flipChunk'), { threads: 2, chunk: 70_000 }),
      exec('cat'),
      toFile(target),
    ])
    const { values, stats } = await finished
    assert.equal(values[1], 'flipped')
    assert.deepEqual(new Uint8Array(readFileSync(target)), counting(COUNT))
    assert.equal(stats.parts.at(-1)?.bytesIn, COUNT)
  }),
  filed('a stage that throws, and one that dies, end it with an error that names them', async (place) => {
    const { source, target, module } = place
    const thrown = await failure(target, [fromFile(source), stage(module('fails'), { name: 'the first' })])
    assert.equal(thrown, 'the first: enough')
    const died = await failure(target, [fromFile(source), stage(module('dies'), { name: 'the second' })])
    assert.equal(died, 'the second: its thread exited with code 3 before its end')
  }),
  filed('an abort ends a stage that blocks', async ({ source, module }) => {
    const running = pipeline([fromFile(source), stage(module('waits'))])
    setTimeout(() => running.abort(new RangeError('called off')), 300)
    assert.equal((await failureOf(running.finished)).message, 'called off')
  }),
]
