import { Buffer } from 'node:buffer'
import { closeSync, existsSync, openSync, readlinkSync, readSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { threadId } from 'node:worker_threads'
import { Beats } from './beats.ts'
import type { Platform, SystemThread } from './platform.ts'

/** Below this many bytes a plain loop beats the call into C++. */
const LOOP_BYTES = 48
/**
 * `TypedArray.prototype.set` copies shared memory word by word, and byte by byte when source and target are aligned
 * differently: 2 to 30 times slower than memcpy. `Buffer.prototype.fill` with a pattern as long as the range **is** one memcpy.
 */
const fill = Buffer.prototype.fill as unknown as {
  call(target: Uint8Array, pattern: Uint8Array, start: number, end: number): void
}

const beats = new Beats()

/** Linux shows the threads of a process as files. */
const TASKS = '/proc/self/task'
/** Longer than the line of any thread. Read by hand: `readFileSync` takes three times as long, in each look of each waiting thread. */
const line = Buffer.alloc(1024)
const [STATE_FIELD, START_FIELD] = [0, 19]

/** What Linux says of a thread of this process. @throws ENOENT, ESRCH if there is none */
function taskOf(id: number): { state: string; start: number } {
  const file = openSync(`${TASKS}/${id}/stat`, 'r')
  let stat: string
  try {
    stat = line.toString('latin1', 0, readSync(file, line))
  } finally {
    closeSync(file)
  }
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

/** Threads that were seen alive within FRESH_MS, and since when they run: a thread may await a thousand pipes with few peers. */
const seen = new Map<number, number>()
const FRESH_MS = 25
let seenMs = 0

function systemThread(): SystemThread | undefined {
  try {
    const id = Number(readlinkSync('/proc/thread-self').split('/').at(-1))
    return { id, start: taskOf(id).start }
  } catch {
    return undefined
  }
}

/** The number of a thread, from its `threadId`: never 0. */
export function threadNumber(threadId: number): number {
  return threadId + 1
}

export const platform: Platform = {
  thread: threadNumber(threadId),

  system: systemThread(),

  hasExited(id, start) {
    const nowMs = performance.now()
    if (nowMs - seenMs > FRESH_MS) {
      seenMs = nowMs
      seen.clear()
    }
    if (seen.get(id) === start) return false
    const exited = hasEnded(id, start)
    if (!exited) seen.set(id, start)
    return exited
  },

  parallelism: availableParallelism(),

  shared: (memory, offset, length) => Buffer.from(memory, offset, length),

  isPlain(view): view is Uint8Array {
    const prototype = Object.getPrototypeOf(view)
    return prototype === Uint8Array.prototype || prototype === Buffer.prototype
  },

  loopBytes: LOOP_BYTES,

  copy(target, targetStart, source, sourceStart, length) {
    if (length <= LOOP_BYTES) {
      for (let i = 0; i < length; i += 1) target[targetStart + i] = source[sourceStart + i] as number
      return
    }
    const whole = sourceStart === 0 && length === source.length
    const pattern = whole ? source : source.subarray(sourceStart, sourceStart + length)
    fill.call(target, pattern, targetStart, targetStart + length)
  },

  holdLoop: (beat) => beats.add(beat),
  releaseLoop: (beat) => beats.delete(beat),

  afterTurn(callback) {
    setImmediate(callback)
  },
}
