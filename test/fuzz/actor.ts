import { type PipeHandle, PipeReader, PipeWriter } from 'threadpipe'
import { BEAT, type CellData, type CellMessage, DONE, NUMBER, ROUND, STOP } from './cell.ts'
import { checkLent, copiesSeen, guard, OutsideError, takeViolation } from './guard.ts'
import { count, type Outcomes } from './part.ts'
import { ACTORS, type CallPlan, ERROR_BYTES, planOf, SHAPES } from './scribble-plan.ts'

/**
 * What a call may take longer than its time-out: a match that does not go on is left after 250 ms (deadline.ts), which begin anew where scribbling
 * looks like progress; the rest is for a busy machine. A match that says its bytes are lent may hold its writer for 10 s: the scribbler ends that.
 */
const BOUND_MS = 4000
/** After a call that was held, an actor lets the case be. */
const STALLED_MS = 100
const LINE_BYTES = 64

type Half = PipeReader | PipeWriter
type Moving = Extract<CallPlan, { size: number }>

/** Something that no scribble may lead to. */
class Breach extends Error {}

class CallbackError extends Error {}

/** Calls what the plans of the cases say, until there are no more. */
export async function act(
  { board, memories, seed }: CellData,
  actor: number,
  post: (m: CellMessage) => void,
): Promise<void> {
  for (const memory of memories) guard(memory, ERROR_BYTES)
  const outcomes: Outcomes = {}
  let worstMs = 0
  const half = actor < ACTORS / 2 ? 'writer' : 'reader'
  for (let round = 0; ; ) {
    Atomics.wait(board, ROUND, round)
    if (Atomics.load(board, ROUND) === round) continue
    round = Atomics.load(board, ROUND)
    if (Atomics.load(board, STOP) !== 0) break
    const number = Atomics.load(board, NUMBER)
    const { shape, calls } = planOf(seed, number)
    try {
      const handle: PipeHandle = { memory: memories[shape] as SharedArrayBuffer, half }
      const aligned = SHAPES[shape]?.capacity === undefined ? LINE_BYTES : 1
      const ms = await callAll(handle, calls[actor] as CallPlan[], aligned, board, BEAT + actor, outcomes)
      worstMs = Math.max(worstMs, ms)
    } catch (error) {
      post({ failure: `the ${half} ${actor}: ${(error as Error).stack}`, number })
      return
    }
    Atomics.add(board, DONE, 1)
    Atomics.notify(board, DONE) // tells the scribbler: one more is done
  }
  post({ outcomes, worstMs, copies: copiesSeen() })
}

/** @returns the longest time that a call took beyond its time-out, in ms */
async function callAll(
  handle: PipeHandle,
  calls: CallPlan[],
  aligned: number,
  board: Int32Array,
  beat: number,
  outcomes: Outcomes,
): Promise<number> {
  let half = open(handle, outcomes)
  let worstMs = 0
  for (const call of calls) {
    if (half === undefined) break
    Atomics.add(board, beat, 1)
    const startedMs = performance.now()
    if (call.do === 'open again') half = open(handle, outcomes)
    else count(outcomes, await outcomeOf(half, call, aligned))
    const lateMs = performance.now() - startedMs - ('timeout' in call ? call.timeout : 0)
    Atomics.add(board, beat, 1)
    const outside = takeViolation()
    if (outside !== undefined) throw outside
    if (lateMs > BOUND_MS) throw new Breach(`${JSON.stringify(call)} took ${lateMs} ms longer than its time-out`)
    worstMs = Math.max(worstMs, lateMs)
    if (lateMs > STALLED_MS) {
      count(outcomes, 'stalled')
      break
    }
  }
  return worstMs
}

/** Opens the half; its identity words may be scribbled over. */
function open(handle: PipeHandle, outcomes: Outcomes): Half | undefined {
  try {
    return handle.half === 'writer' ? PipeWriter.from(handle) : PipeReader.from(handle)
  } catch (error) {
    if (!(error instanceof TypeError && error.message.startsWith('Cannot open the pipe: '))) throw error
    count(outcomes, 'not opened')
    return undefined
  }
}

async function outcomeOf(half: Half, call: CallPlan, aligned: number): Promise<string> {
  if ('size' in call) return moveBytes(half, call, aligned)
  switch (call.do) {
    case 'close':
      half.close()
      break
    case 'close with error':
      half.closeWithError(new Error('told'))
      break
    case 'abort':
      half.abort(new Error('told'))
      break
    case 'stats':
      half.stats()
  }
  return call.do
}

async function moveBytes(half: Half, call: Moving, aligned: number): Promise<string> {
  let n: number | null
  try {
    n = await (half instanceof PipeWriter ? write(half, call, aligned) : read(half, call))
  } catch (error) {
    return failureOf(error, call)
  }
  if (n === null && half instanceof PipeReader) return 'end'
  checkCount(n, call.size)
  return 'done'
}

async function write(writer: PipeWriter, call: Moving, aligned: number): Promise<number> {
  const options = { timeout: call.timeout }
  const bytes = new Uint8Array(call.size).fill(call.size)
  switch (call.do) {
    case 'move':
      return call.awaited ? writer.write(bytes, options) : writer.writeSync(bytes, options)
    case 'pieces': {
      const pieces = [bytes.subarray(0, call.size >> 1), bytes.subarray(call.size >> 1)]
      return call.awaited ? writer.writev(pieces, options) : writer.writevSync(pieces, options)
    }
    case 'in place': {
      const fill = (lent: Uint8Array): number => use(lent, call, aligned)
      return call.awaited
        ? writer.writeInPlace(call.size, fill, options)
        : writer.writeInPlaceSync(call.size, fill, options)
    }
  }
}

async function read(reader: PipeReader, call: Moving): Promise<number | null> {
  const options = { timeout: call.timeout }
  if (call.do === 'in place') {
    const look = (lent: Uint8Array): number => use(lent, call, 1)
    const n = await (call.awaited ? reader.readInPlace(look, options) : reader.readInPlaceSync(look, options))
    // As many as were lent: more than the size, which is a write's
    return n === null ? null : Math.min(n, call.size)
  }
  const target = new Uint8Array(call.size)
  return call.awaited ? reader.read(target, options) : reader.readSync(target, options)
}

/** A callback in place: looks at every byte. */
function use(lent: Uint8Array, { used }: Moving, aligned: number): number {
  checkLent(lent, aligned)
  lent.fill(used)
  if (used === 10) throw new CallbackError()
  return Math.min(used, lent.length)
}

function checkCount(n: unknown, most: number): void {
  if (!(Number.isInteger(n) && (n as number) >= 0 && (n as number) <= most)) {
    throw new Breach(`a call over ${most} bytes gave ${n}`)
  }
}

/** What a call may throw: an error of the pipe, one that was told or scribbled, and nothing that typed arrays throw. */
function failureOf(error: unknown, call: Moving): string {
  if (error instanceof OutsideError || error instanceof Breach || !(error instanceof Error)) throw error
  if (error instanceof CallbackError) return 'the callback threw'
  const { code, bytesWritten, bytesRead } = error as { code?: unknown; bytesWritten?: unknown; bytesRead?: unknown }
  if (typeof code === 'string' && code.startsWith('ERR_PIPE_')) {
    for (const said of [bytesWritten, bytesRead]) if (said !== undefined) checkCount(said, call.size)
    return code
  }
  // A half that was opened with another window than the pipe was made with
  if (error instanceof RangeError && error.message.startsWith('The size of a write in place ')) return 'size refused'
  const kinds = [TypeError, RangeError, ReferenceError, SyntaxError, EvalError]
  if (kinds.some((kind) => error instanceof kind)) throw error
  return error.message === 'told' ? 'an error that was told' : 'an error of scribbled text'
}
