import type { Worker } from 'node:worker_threads'
import { assert } from 'chai'
import { pipe } from 'threadpipe'
import { watch } from 'threadpipe/node'
import { until } from '../support/caller.ts'
import { handleOf, PATIENT } from '../support/sides.ts'
import type { Case } from './bench.ts'

/** `watch` of `threadpipe/node`, for runtimes that have Node's threads. */
export function watchingOf(start: () => Worker): readonly Case[] {
  return [
    {
      name: 'C28: watch ends the halves of a Worker that was terminated while it blocks',
      features: ['deaths'],
      async run() {
        const { reader, writer } = pipe()
        const board = new Int32Array(new SharedArrayBuffer(8))
        const worker = start()
        worker.on('error', () => {})
        watch(worker, writer)
        const body = ({ PipeWriter }: typeof import('threadpipe'), args: { writer: never; board: Int32Array }) => {
          PipeWriter.from(args.writer)
          Atomics.store(args.board, 0, 1)
          Atomics.wait(args.board, 1, 0, 10_000)
        }
        worker.postMessage({ id: 1, source: body.toString(), args: { writer: handleOf(writer), board } })
        await until(() => Atomics.load(board, 0) !== 0)
        const read = reader.read(new Uint8Array(4), PATIENT).catch((error: { code: string }) => error.code)
        await worker.terminate()
        assert.equal(await read, 'ERR_PIPE_PEER_EXITED')
        // Lets one that lives on end.
        Atomics.store(board, 1, 1)
        Atomics.notify(board, 1)
        return undefined
      },
    },
  ]
}
