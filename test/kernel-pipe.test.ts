import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { pipe } from 'threadpipe'
import { afterAll, expect, test } from 'vitest'

/**
 * The same scripts of operations against a buffered pipe and a kernel pipe (C23): the same results. Only operations of no bytes differ
 * by intention: the kernel never looks whether anybody reads (C9).
 */

const CAPACITY = 65_536
const PAGE = 4096
const SCRIPTS = 700

const folder = mkdtempSync(join(tmpdir(), 'threadpipe-'))
const fifo = join(folder, 'fifo')
execFileSync('mkfifo', [fifo])
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Step = { do: 'write' | 'read'; bytes: number } | { do: 'close writer' | 'close reader' }
type Side = { write(bytes: Uint8Array): string; read(size: number): string; closeWriter(): void; closeReader(): void }

/** What is written: long enough that no two places of a script look alike. */
const PATTERN = randomBytes(2 ** 18)
const PATTERN_STEP = 65_521

function checksum(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${createHash('md5').update(bytes).digest('hex')}`
}

function kernelPipe(): Side & { end(): void } {
  const r = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const w = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK)
  const open = new Set([r, w])
  const close = (fd: number): void => {
    if (open.delete(fd)) closeSync(fd)
  }
  const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code as string
  return {
    write(bytes) {
      if (!open.has(w)) return 'closed'
      try {
        return `wrote ${writeSync(w, bytes)}`
      } catch (error) {
        return codeOf(error) === 'EAGAIN' ? 'wrote 0' : codeOf(error) === 'EPIPE' ? 'closed' : codeOf(error)
      }
    },
    read(size) {
      if (!open.has(r)) return 'closed'
      const target = new Uint8Array(size)
      try {
        const n = readSync(r, target)
        return n === 0 && size > 0 ? 'end' : checksum(target.subarray(0, n))
      } catch (error) {
        return codeOf(error) === 'EAGAIN' ? 'empty' : codeOf(error)
      }
    },
    closeWriter: () => close(w),
    closeReader: () => close(r),
    end() {
      close(r)
      close(w)
    },
  }
}

function threadPipe(): Side {
  const { reader, writer } = pipe({ capacity: CAPACITY })
  const codeOf = (error: unknown): string => (error as { code: string }).code
  return {
    write(bytes) {
      try {
        return `wrote ${writer.writeSync(bytes, { timeout: 0 })}`
      } catch (error) {
        if (codeOf(error) === 'ERR_PIPE_TIMEOUT') return `wrote ${(error as { bytesWritten: number }).bytesWritten}`
        return codeOf(error) === 'ERR_PIPE_CLOSED' ? 'closed' : codeOf(error)
      }
    },
    read(size) {
      const target = new Uint8Array(size)
      try {
        const n = reader.readSync(target, { timeout: 0 })
        return n === null ? 'end' : checksum(target.subarray(0, n))
      } catch (error) {
        const code = codeOf(error)
        return code === 'ERR_PIPE_TIMEOUT' ? 'empty' : code === 'ERR_PIPE_CLOSED' ? 'closed' : code
      }
    },
    closeWriter: () => writer.close(),
    closeReader: () => reader.close(),
  }
}

function run(side: Side, script: Step[]): string[] {
  let sent = 0
  return script.map((step): string => {
    if (step.do === 'read') return side.read(step.bytes)
    if (step.do === 'write') {
      const start = sent % PATTERN_STEP
      const bytes = PATTERN.subarray(start, start + step.bytes)
      sent += step.bytes
      return side.write(bytes)
    }
    if (step.do === 'close writer') side.closeWriter()
    else side.closeReader()
    return 'ok'
  })
}

const closing = fc.constantFrom<Step>({ do: 'close writer' }, { do: 'close reader' })
const step = (write: fc.Arbitrary<number>, read: fc.Arbitrary<number>): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 10, arbitrary: write.map((bytes): Step => ({ do: 'write', bytes })) },
    { weight: 10, arbitrary: read.map((bytes): Step => ({ do: 'read', bytes })) },
    { weight: 1, arbitrary: closing },
  )

function compare(steps: fc.Arbitrary<Step>, maxLength: number): void {
  fc.assert(
    fc.property(fc.array(steps, { maxLength, size: 'max' }), (script) => {
      const kernel = kernelPipe()
      try {
        expect(run(threadPipe(), script)).toEqual(run(kernel, script))
      } finally {
        kernel.end()
      }
    }),
    { numRuns: SCRIPTS },
  )
}

// A kernel pipe counts its room in pages, which writes share only as far as they fit: with few writes it is never full,
test('bytes of any number, never full', () => {
  const any = fc.integer({ min: 1, max: 4000 })
  compare(step(any, fc.integer({ min: 1, max: 9000 })), 15)
})

// and with whole pages its count is the same as one of bytes.
test('whole pages, often full', () => {
  const pages = fc.integer({ min: 1, max: 20 }).map((n) => n * PAGE)
  compare(step(pages, pages), 40)
})
