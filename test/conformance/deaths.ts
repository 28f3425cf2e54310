import { assert } from 'chai'
import { type PipeReader, type PipeWriter, pipe } from 'threadpipe'
import { failureOf, type Thread, until } from '../support/caller.ts'
import { handleOf, PATIENT } from '../support/sides.ts'
import type { Bench, Case, Limit, Runtime } from './bench.ts'

/** C28: threads that die. A runtime in which they cannot be seen to is held to what there is instead. */

const UNDEAD =
  '`terminate()` leaves a blocked thread alive, so that nobody sees it die: end its pipes yourself, or let `watch` from `threadpipe/node` do so'
const STUCK =
  'a Worker that runs out of memory in the handler of a message stays there, and nobody is told, until it is terminated'
const NO_LIMITS = 'a Worker is not held to its `resourceLimits`'
const UNSEEN = 'nothing tells a page that a Worker is dead: who terminates it aborts its pipes'

/** How threads of a kind die. */
const WAYS = {
  'node:worker_threads': [
    'terminate, blocked',
    'terminate, idle',
    'process.exit',
    'an uncaught error',
    'its natural end',
    'out of memory',
  ],
  web: ['terminate, blocked', 'terminate, idle', 'its own end'],
} as const
type Way = (typeof WAYS)[keyof typeof WAYS][number]

const READY = 0
const MEMORY_MIB = 32
/** Long enough for a death to be seen, if it can be. */
const SEEN_WITHIN_MS = 1000

interface Doomed {
  thread: Thread
  board: Int32Array
}

/** A thread that holds a writer and a reader, and dies in that way. */
async function doom(bench: Bench, writer: PipeWriter, reader: PipeReader, way: Way): Promise<Doomed> {
  const thread = bench.mortal(way === 'out of memory' ? { memoryMib: MEMORY_MIB } : {})
  const board = new Int32Array(new SharedArrayBuffer(8))
  thread.run(
    ({ PipeReader, PipeWriter }, { writer, reader, board, way, memoryMib }) => {
      PipeWriter.from(writer)
      PipeReader.from(reader)
      Atomics.store(board, 0, 1)
      // For good, unless it is ended, or told.
      if (way === 'terminate, blocked') Atomics.wait(board, 1, 0, 10_000)
      // Its peers are to wait before.
      else if (!way.startsWith('terminate')) Atomics.wait(board, 1, 0, 50)
      if (way === 'process.exit') process.exit(3)
      if (way === 'an uncaught error') {
        setTimeout(() => {
          throw new Error('meant to be uncaught')
        })
      }
      if (way === 'its own end') {
        const { close } = globalThis as { close?: () => void }
        if (close === undefined) process.exit(0)
        close()
      }
      if (way === 'its natural end') process.getBuiltinModule('node:worker_threads').parentPort?.unref()
      const hog: number[][] = []
      while (way === 'out of memory' && hog.length < memoryMib * 8) hog.push(new Array(1e5).fill(hog.length + 0.5))
      return hog.length
    },
    { writer: handleOf(writer), reader: handleOf(reader), board, way, memoryMib: MEMORY_MIB },
  )
  await until(() => Atomics.load(board, READY) !== 0)
  return { thread, board }
}

/** What the runtime does not do when a thread dies in that way. */
function limitOf({ name, seesDeaths }: Runtime, way: Way): Limit | undefined {
  if (!seesDeaths) return UNSEEN
  if (name === 'Deno' && way === 'terminate, blocked') return UNDEAD
  if (name === 'Deno' && way === 'out of memory') return STUCK
  if (name === 'Bun' && way === 'out of memory') return NO_LIMITS
  return undefined
}

async function dies(bench: Bench, way: Way): Promise<Limit | undefined> {
  const [silent, unread, stored] = [pipe(), pipe(), pipe({ capacity: 8 })]
  stored.writer.writeSync('ab')
  const limit = limitOf(bench.runtime, way)
  const timeout = limit === undefined ? PATIENT.timeout : SEEN_WITHIN_MS
  const { thread, board } = await doom(bench, silent.writer, unread.reader, way)
  const awaited = silent.reader.read(new Uint8Array(4), { timeout: timeout as number }).then(
    (n) => String(n),
    (error: { code: string }) => error.code,
  )
  const blocked = failureOf(bench.side('blocking').write(unread.writer, 'never read', { timeout: timeout as number }))
  await until(() => unread.writer.stats().writerParks > 0)
  if (way.startsWith('terminate')) await thread.terminate()
  const seen = limit === undefined ? 'ERR_PIPE_PEER_EXITED' : 'ERR_PIPE_TIMEOUT'
  assert.deepEqual([await awaited, (await blocked).code], [seen, seen])
  if (limit === UNSEEN) await abortsInstead(bench, silent, unread)
  // Lets one that lives on end.
  Atomics.store(board, 1, 1)
  Atomics.notify(board, 1)
  return limit
}

/** What a page does for a Worker that it has terminated. */
async function abortsInstead(bench: Bench, silent: ReturnType<typeof pipe>, unread: ReturnType<typeof pipe>) {
  const read = failureOf(bench.side('blocking').read(silent.reader, 4))
  const write = failureOf(bench.side('awaited').write(unread.writer, 'x'))
  silent.writer.closeWithError(new RangeError('its thread was ended'))
  unread.writer.abort(new RangeError('its thread was ended'))
  for (const { message } of [await read, await write]) assert.equal(message, 'its thread was ended')
}

/** The cases of a kind of threads. */
export function deathsOf(threads: Runtime['threads']): readonly Case[] {
  return WAYS[threads].map((way) => ({
    name: `C28: ${way}`,
    features: ['deaths'],
    run: (bench) => dies(bench, way),
  }))
}
