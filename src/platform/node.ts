import { Buffer } from 'node:buffer'
import { closeSync, existsSync, openSync, readlinkSync, readSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
// Not the global one, which tests replace.
import { setImmediate } from 'node:timers'
import { threadId } from 'node:worker_threads'
import { anonymousThread } from './anonymous.ts'
import { Beats } from './beats.ts'
import type { Platform, SystemThread } from './platform.ts'

/** Up to this many bytes a plain loop beats the call of a builtin. */
const LOOP_BYTES = 12
/** Up to this many it beats the making of a view, too. */
const VIEWLESS_BYTES = 48
/**
 * `TypedArray.prototype.set` copies shared memory word by word where source and target are aligned alike, else byte by byte; but it is called in a
 * quarter of the time that `Buffer.prototype.fill` takes, which with a pattern as long as the range **is** one memcpy. Up to so many bytes it is faster;
 * if aligned alike, which takes time to find out, up to so many.
 */
const SET_BYTES = 128
const SET_ALIGNED_BYTES = 512
const WORD_MASK = 7
const set = Uint8Array.prototype.set as unknown as {
  call(target: Uint8Array, source: Uint8Array, start: number): void
}
const fill = Buffer.prototype.fill as unknown as {
  call(target: Uint8Array, pattern: Uint8Array, start: number, end: number): void
}
const copyPart = Buffer.prototype.copy as unknown as {
  call(source: Uint8Array, target: Uint8Array, targetStart: number, start: number, end: number): void
}

const IS_DENO = 'Deno' in globalThis
const IS_BUN = 'Bun' in globalThis
const IS_NODE = !IS_DENO && !IS_BUN
/** Since Node 22.7 `Buffer.prototype.copy` of a part is one memcpy, and makes no view. Deno, which tells the number of a later Node, makes one. */
const COPIES_PARTS = !IS_DENO && isFrom(22, 7)
/** Whether `fill` leaves out what of its pattern is longer than the range. Deno copies all of the pattern first. */
const CUTS_PATTERNS = !IS_DENO

function isFrom(major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number)
  return ownMajor > major || (ownMajor === major && ownMinor >= minor)
}

const beats = new Beats()

/** Linux shows the threads of a process as files. */
const TASKS = '/proc/self/task'
/** Longer than the line of any thread. Read by hand: `readFileSync` takes three times as long, in each look of each waiting thread. */
const line = Buffer.alloc(1024)
const [STATE_FIELD, START_FIELD] = [0, 19]

function lineOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    return line.toString('latin1', 0, readSync(file, line))
  } finally {
    closeSync(file)
  }
}

/** What Linux says of a thread of this process. @throws ENOENT, ESRCH if there is none */
function taskOf(id: number): { state: string; start: number } {
  const stat = lineOf(`${TASKS}/${id}/stat`)
  // The second field is a name in parentheses, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[STATE_FIELD] ?? '', start: Number(fields[START_FIELD]) | 0 || 1 }
}

function hasEnded(id: number, start: number): boolean {
  try {
    const task = taskOf(id)
    return task.state === 'Z' || task.state === 'X' || (start !== 0 && task.start !== start)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return (code === 'ENOENT' || code === 'ESRCH') && existsSync(TASKS)
  }
}

/** When threads were last seen alive, by their numbers; and when there was at least a thread of that number. */
const seen = new Map<number, { start: number; seenMs: number; thereMs: number }>()
const MAX_SEEN = 1024
/** A thread that was seen within this time, in ms, is not looked at again: a thread may await a thousand pipes with few peers. */
const FRESH_MS = 25
/** So is one that was there within this time, in ms: it may hold both halves. */
const TOGETHER_MS = 5

function hasExited(id: number, start: number): boolean {
  const nowMs = performance.now()
  const known = seen.get(id)
  if (known?.start === start && nowMs - known.seenMs < FRESH_MS) return false
  const exited = hasEnded(id, start)
  if (seen.size >= MAX_SEEN) seen.clear()
  if (exited) seen.delete(id)
  else seen.set(id, { start, seenMs: nowMs, thereMs: nowMs })
  return exited
}

function isThere(id: number, start: number): boolean {
  const known = seen.get(id)
  if (known?.start !== start) return !hasExited(id, start)
  const nowMs = performance.now()
  if (nowMs - known.thereMs < TOGETHER_MS) return true
  if (!answers(id)) return false
  known.thereMs = nowMs
  return true
}

/** Whether the system knows a thread of that number. To ask with no signal takes a third of the time of looking for its file, but is only Node's to do. */
function answers(id: number): boolean {
  if (id === mainThread) return true
  if (mainThread === 0 || !IS_NODE) return existsSync(`${TASKS}/${id}`)
  try {
    return process.kill(id, 0)
  } catch {
    return false
  }
}

interface DenoGlobal {
  permissions: { querySync(what: { name: 'read'; path: string }): { state: string } }
}

/** The system's number of the main thread, which ends only with the process; 0 where it counts otherwise than `/proc` does. */
let mainThread = 0

/** Whether Linux may be asked: Deno would ask its user first, in the middle of an import. */
function mayAsk(): boolean {
  const { Deno } = globalThis as { Deno?: DenoGlobal }
  return Deno === undefined || Deno.permissions.querySync({ name: 'read', path: '/proc' }).state === 'granted'
}

function systemThread(): SystemThread | undefined {
  try {
    if (!mayAsk()) return undefined
    const [processId, , id] = readlinkSync('/proc/thread-self').split('/').map(Number)
    if (processId === undefined || id === undefined) return undefined
    if (processId === process.pid) mainThread = processId
    return { id, start: taskOf(id).start }
  } catch {
    return undefined
  }
}

/** The number of a thread, from its `threadId`: never 0. */
export function threadNumber(threadId: number): number {
  return threadId + 1
}

/** Threads of the whole system that run or want to: the fourth figure, before the stroke. */
const LOAD = '/proc/loadavg'
const RUNNABLE_FIELD = 3
let cores = 0

function isCrowded(): boolean {
  try {
    // All of the system, not those that this process may use: that is what the figure counts.
    cores ||= cpus().length
    // Not by a regular expression: V8 ends the process where it has no stack left to compile one.
    return Number.parseInt(lineOf(LOAD).split(' ')[RUNNABLE_FIELD] ?? '', 10) > cores
  } catch {
    return false
  }
}

export const platform: Platform = {
  // Deno gives its web Workers the main thread's.
  thread: threadId === 0 && 'WorkerGlobalScope' in globalThis ? anonymousThread() : threadNumber(threadId),

  system: systemThread(),

  hasExited,
  isThere,

  parallelism: availableParallelism(),

  isCrowded,

  // What could grow V8 takes from the system in pages; other memory begins at any 16 bytes. Bun's begins at a page, too.
  allocate(bytes) {
    if (!IS_BUN) {
      try {
        return new SharedArrayBuffer(bytes, { maxByteLength: bytes })
      } catch {
        // The system gives a process only so many pieces of memory; what comes out of one of them may still be had.
      }
    }
    return new SharedArrayBuffer(bytes)
  },

  shared: (memory, offset, length) => Buffer.from(memory, offset, length),

  isPlain(view): view is Uint8Array {
    const prototype = Object.getPrototypeOf(view)
    return prototype === Uint8Array.prototype || prototype === Buffer.prototype
  },

  viewlessBytes: VIEWLESS_BYTES,

  copy(target, targetStart, source, sourceStart, length, aligned = false) {
    const whole = sourceStart === 0 && length === source.length
    if (length <= (whole ? LOOP_BYTES : VIEWLESS_BYTES)) {
      for (let i = 0; i < length; i += 1) target[targetStart + i] = source[sourceStart + i] as number
      return
    }
    if (!whole && COPIES_PARTS) {
      copyPart.call(source, target, targetStart, sourceStart, sourceStart + length)
      return
    }
    if (CUTS_PATTERNS && sourceStart === 0 && length > SET_ALIGNED_BYTES) {
      fill.call(target, source, targetStart, targetStart + length)
      return
    }
    // Not by `subarray`: that of a Buffer takes three times as long.
    const view = whole ? source : new Uint8Array(source.buffer, source.byteOffset + sourceStart, length)
    if (
      length <= SET_BYTES ||
      (length <= SET_ALIGNED_BYTES &&
        (((aligned ? 0 : target.byteOffset) + targetStart - view.byteOffset) & WORD_MASK) === 0)
    ) {
      set.call(target, view, targetStart)
    } else {
      fill.call(target, view, targetStart, targetStart + length)
    }
  },

  holdLoop: (beat) => beats.add(beat),
  releaseLoop: (beat) => beats.delete(beat),

  afterTurn(callback, needed = true) {
    const turned = setImmediate(callback)
    if (!needed) turned.unref()
  },
}
