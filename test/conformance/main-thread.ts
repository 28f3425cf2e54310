import { assert } from 'chai'
import * as threadpipe from 'threadpipe'
import { describeError, type ErrorDescription } from '../../workers/calls.ts'
import { failureOf } from '../support/caller.ts'
import { counting, handleOf, PATIENT } from '../support/sides.ts'
import type { Bench, Case, Limit } from './bench.ts'

/** Blocking calls of the main thread; and what they do where it may not block, as in a web page. */

const NO_BLOCKING = 'a call that would have to wait throws, and names the one to await; one that need not wait works'

/**
 * Makes every blocking call in a thread that may not block. Runs as it stands in whichever thread it is called or sent to.
 *
 * @returns what each call threw
 */
export function refusals({
  copySync,
  describeError,
  pipe,
  readAllSync,
}: RefusalScope): Record<string, ErrorDescription> {
  const { reader, writer } = pipe()
  const full = pipe({ capacity: 4 }).writer
  full.writeSync('four') // needs no wait
  const thrown: Record<string, ErrorDescription> = {}
  const attempt = (name: string, call: () => unknown): void => {
    try {
      call()
    } catch (error) {
      thrown[name] = describeError(error)
    }
  }
  const bytes = new Uint8Array(8)
  attempt('readSync', () => reader.readSync(bytes))
  attempt('readSync, timeout', () => reader.readSync(bytes, { timeout: 1000 }))
  attempt('readInPlaceSync', () => reader.readInPlaceSync(() => {}))
  attempt('iterator', () => [...reader])
  attempt('readAllSync', () => readAllSync(reader))
  attempt('writeSync', () => writer.writeSync('late'))
  attempt('writeSync, timeout', () => writer.writeSync('late', { timeout: 1000 }))
  attempt('writeSync, full', () => full.writeSync('more'))
  attempt('writevSync', () => writer.writevSync([bytes]))
  attempt('writeInPlaceSync', () => writer.writeInPlaceSync(8, () => 8))
  attempt('copySync', () => copySync(writer, { readSync: () => 1 }))
  attempt('readSync, timeout 0', () => reader.readSync(bytes, { timeout: 0 }))
  return thrown
}

export type RefusalScope = Pick<typeof threadpipe, 'copySync' | 'pipe' | 'readAllSync'> & {
  describeError: typeof describeError
}

/** Checks what `refusals` has seen. */
export function checkRefusals(thrown: Record<string, ErrorDescription>): void {
  const { 'readSync, timeout 0': impatient, ...refused } = thrown
  assert.equal(impatient?.code, 'ERR_PIPE_TIMEOUT')
  assert.lengthOf(Object.keys(refused), 11)
  for (const [call, { class: className, message, bytesWritten }] of Object.entries(refused)) {
    const reads = /^(read|iterator)/.test(call)
    const words = reads
      ? /^Cannot read from the pipe .*may not block.*: await read\(\) in place of readSync\(\)/
      : /^Cannot write to the pipe .*may not block.*: await write\(\) in place of writeSync\(\)/
    assert.equal(className, 'TypeError', call)
    assert.match(message, words, call)
    if (!reads) assert.equal(bytesWritten, 0, call)
  }
}

async function meetsThreads(bench: Bench): Promise<void> {
  const { reader, writer } = threadpipe.pipe({ window: 65_536 })
  const bytes = counting(1_000_000)
  const written = bench.side('blocking').write(writer, bytes)
  const target = new Uint8Array(2_000_000)
  assert.equal(reader.readSync(target, PATIENT), 1_000_000)
  assert.deepEqual(target.subarray(0, 1_000_000), bytes)
  assert.equal(await written, 1_000_000)
  const read = bench.side('blocking').read(reader, 16)
  assert.equal(writer.writeSync('and back', PATIENT), 8)
  assert.equal((await read)?.length, 8)
}

/** A match that has begun completes, though it takes many times the window: by looking again and again. */
async function completesMatches(bench: Bench): Promise<void> {
  const { reader, writer } = threadpipe.pipe({ window: 65_536 })
  const bytes = counting(1_000_000)
  const written = bench.side('blocking').write(writer, bytes)
  const target = new Uint8Array(2_000_000)
  let n: number | null = null
  for (const untilMs = performance.now() + 10_000; n === null && performance.now() < untilMs; ) {
    try {
      n = reader.readSync(target)
    } catch (error) {
      // The writer is not there yet.
      if (!(error instanceof TypeError)) throw error
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  assert.equal(n, 1_000_000)
  assert.deepEqual(target.subarray(0, 1_000_000), bytes)
  assert.equal(await written, 1_000_000)
}

const blocks: Case = {
  name: 'C24: the main thread blocks until another thread has come',
  features: ['blocking on the main thread'],
  async run(bench): Promise<Limit | undefined> {
    if (bench.runtime.mainMayBlock) {
      await meetsThreads(bench)
      return undefined
    }
    checkRefusals(refusals({ ...threadpipe, describeError }))
    await completesMatches(bench)
    return NO_BLOCKING
  },
}

const needsNoWait: Case = {
  name: 'C10, C23, C32: blocking calls that need no wait, closing and looking work in the main thread',
  features: [],
  async run(bench) {
    const { reader, writer } = threadpipe.pipe({ capacity: 100 })
    assert.equal(writer.writeSync('stored'), 6)
    assert.equal(
      writer.writeInPlaceSync(4, (bytes) => bytes.fill(1).length),
      4,
    )
    assert.equal(reader.readSync(new Uint8Array(6)), 6)
    assert.equal(reader.stats().buffered, 4)
    assert.equal(
      reader.readInPlaceSync(() => 4),
      4,
    )
    writer.close()
    assert.isNull(reader.readSync(new Uint8Array(6)))
    const other = threadpipe.pipe()
    const write = failureOf(bench.side('blocking').write(other.writer, 'x'))
    other.reader.abort(new RangeError('enough'))
    assert.equal((await write).message, 'enough')
    assert.deepEqual(handleOf(reader), { memory: reader.memory, half: 'reader' })
  },
}

export const mainThread: readonly Case[] = [blocks, needsNoWait]
