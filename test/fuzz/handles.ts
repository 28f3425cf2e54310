import { type PipeHandle, PipeReader, PipeWriter, pipe } from 'threadpipe'
import * as layout from '../../src/layout.ts'
import { guard, takeViolation } from './guard.ts'
import { count, FuzzFailure, type FuzzOptions, type Outcomes } from './part.ts'
import { Random } from './random.ts'

/**
 * Handles over memory that is not a pipe's, or not quite: `from` refuses them with a TypeError. Where everything fits by chance, the half behaves,
 * whatever the other words say.
 */

/** What a call on such a half may take longer than its time-out: a stalled match is left after 250 ms; the rest is for a busy machine. */
const BOUND_MS = 3000
const ERROR_BYTES = 128
const LEAST_ERROR_BYTES = 128
const FIELDS = [layout.MAGIC, layout.VERSION, layout.CAPACITY, layout.WINDOW, layout.ERROR_BYTES]
const SIZES = [
  0,
  1,
  4,
  63,
  64,
  127,
  128,
  129,
  4096,
  65_536,
  2 ** 24,
  2 ** 24 + 1,
  2 ** 30,
  2 ** 30 + 1,
  -1,
  -0x8000_0000,
]

export async function tryHandles({ cases, seed, only }: FuzzOptions, beat: Int32Array): Promise<Outcomes> {
  const outcomes: Outcomes = {}
  for (let run = 0; run < cases; run += 1) {
    const number = only ?? run
    const random = new Random(seed, number)
    try {
      count(outcomes, await tryOne(random))
      const outside = takeViolation()
      if (outside !== undefined) throw outside
    } catch (error) {
      throw new FuzzFailure('handles', String((error as Error).stack), `--seed ${seed} --case ${number}`)
    }
    Atomics.add(beat, 0, 1)
  }
  return outcomes
}

async function tryOne(random: Random): Promise<string> {
  const { what, handle } = random.pick([strangeValue, strangeMemory, nearMemory, nearMemory, wildMemory, wildMemory])(
    random,
  )
  // That of the handle, as a rule; a handle of no kind has none.
  const reads = random.oneIn(5) ? random.oneIn(2) : halfOf(handle) === 'reader'
  const half = reads ? PipeReader : PipeWriter
  let opened: PipeReader | PipeWriter
  try {
    opened = half.from(handle as PipeHandle)
  } catch (error) {
    const own = error instanceof OwnError
    if (!own && !(error instanceof TypeError && /^(The |Cannot )/.test(error.message))) throw error
    return own ? `${what}: its getter threw` : `${what}: refused`
  }
  if (!(opened.memory instanceof SharedArrayBuffer)) throw new Error(`a half over ${String(opened.memory)} was opened`)
  if (!consistent(opened.memory)) throw new Error(`a half over memory that is no pipe's was opened: ${what}`)
  return `${what}: ${await useOnce(opened, random)}`
}

/** Whether what stands at the start of a memory is what pipe() would write into one of its size. */
function consistent(memory: SharedArrayBuffer): boolean {
  const [magic, version, capacity, window, errorBytes] = FIELDS.map((field) => new Int32Array(memory)[field] as number)
  const known = magic === layout.MAGIC_VALUE && version === layout.VERSION_VALUE
  if (!known || capacity === undefined || window === undefined || errorBytes === undefined) return false
  if (capacity < 0 || window < 1 || errorBytes < LEAST_ERROR_BYTES) return false
  const bytes = capacity > 0 ? layout.ringBytes(capacity) + layout.pastEndBytes(capacity) : layout.ringBytes(window)
  return layout.memoryBytes(errorBytes, bytes) === memory.byteLength
}

function halfOf(handle: unknown): unknown {
  try {
    return (handle as PipeHandle).half
  } catch {
    return undefined
  }
}

/** One call with a time-out over memory that nobody else has. */
async function useOnce(half: PipeReader | PipeWriter, random: Random): Promise<string> {
  const timeout = random.pick([0, 1, 3])
  const awaited = random.oneIn(4)
  const bytes = new Uint8Array(random.pick([0, 1, 50, 100, 3000]))
  const startedMs = performance.now()
  let outcome = 'done'
  try {
    half.stats()
    const options = { timeout }
    const n = awaited
      ? await (half instanceof PipeReader ? half.read(bytes, options) : half.write(bytes, options))
      : half instanceof PipeReader
        ? half.readSync(bytes, options)
        : half.writeSync(bytes, options)
    if (n !== null && !(Number.isInteger(n) && n >= 0 && n <= bytes.length)) throw new RangeError(`the count ${n}`)
    if (random.oneIn(4)) half.close()
  } catch (error) {
    const { code } = error as { code?: unknown }
    if (typeof code === 'string' && code.startsWith('ERR_PIPE_')) outcome = code
    else if (error instanceof TypeError || error instanceof RangeError) throw error
    else outcome = 'an error of the text'
  }
  const lateMs = performance.now() - startedMs - timeout
  if (lateMs > BOUND_MS) throw new Error(`a call took ${lateMs} ms longer than its time-out`)
  return outcome
}

interface Strange {
  what: string
  handle: unknown
}

class OwnError extends Error {}

class Subclass extends SharedArrayBuffer {}

/** Values of other shapes: no handle at all. */
function strangeValue(random: Random): Strange {
  const good = pipe({ window: 64, errorBytes: ERROR_BYTES }).reader
  const values: unknown[] = [undefined, null, 0, 'reader', Symbol('x'), 1n, [], {}, () => {}, new Map(), good.memory]
  const handles: unknown[] = [
    ...values,
    ...values.map((memory) => ({ memory, half: random.pick(['reader', 'writer']) })).slice(0, -1),
    ...values.map((half) => ({ memory: good.memory, half })),
    Object.defineProperty({ half: 'reader' }, 'memory', {
      get: () => {
        throw new OwnError()
      },
    }),
    new Proxy(
      {},
      {
        get: () => {
          throw new OwnError()
        },
      },
    ),
    {
      memory: { [Symbol.toStringTag]: 'SharedArrayBuffer', byteLength: 4096 },
      half: random.pick(['reader', 'writer']),
    },
    { memory: new ArrayBuffer(4096), half: random.pick(['reader', 'writer']) },
    { memory: new Uint8Array(good.memory), half: random.pick(['reader', 'writer']) },
  ]
  return { what: 'a value', handle: random.pick(handles) }
}

/** Memory of any size with anything in it. */
function strangeMemory(random: Random): Strange {
  const size = random.pick([0, 8, 63, 64, 1088, 1472, 1536, random.below(5000), 8 * random.below(1000)])
  const memory = random.oneIn(2) ? new SharedArrayBuffer(size) : new Subclass(size)
  const words = new Int32Array(memory, 0, size >> 2)
  if (random.oneIn(2)) for (let i = 0; i < words.length; i += 1) words[i] = random.word()
  if (random.oneIn(2) && words.length > layout.MAGIC) words[layout.MAGIC] = layout.MAGIC_VALUE
  return { what: 'other memory', handle: { memory, half: random.pick(['reader', 'writer']) } }
}

/** A pipe's memory with some of its identity changed, and sometimes given by a strange handle. */
function nearMemory(random: Random): Strange {
  const { memory } = made(random)
  const words = new Int32Array(memory)
  for (let i = random.below(3); i > 0; i -= 1) {
    const field = random.pick(FIELDS)
    words[field] = random.pick([random.pick(SIZES), (words[field] as number) + random.between(-2, 2), random.word()])
  }
  const half = random.pick(['reader', 'writer'])
  return { what: 'near', handle: random.pick([plain, frozen, inherited, proxied, flipping])(memory, half) }
}

/** A pipe's memory whose identity is right, and whose other words are any. */
function wildMemory(random: Random): Strange {
  const { memory } = made(random)
  const words = new Int32Array(memory)
  const end = layout.windowOffset(ERROR_BYTES) / Int32Array.BYTES_PER_ELEMENT
  const kept = new Set(FIELDS)
  const share = random.pick([1, 2, 8])
  for (let i = 0; i < end; i += 1) {
    if (!kept.has(i) && random.oneIn(share)) words[i] = random.oneIn(2) ? random.word() : random.between(-3, 9)
  }
  return { what: 'wild', handle: { memory, half: random.pick(['reader', 'writer']) } }
}

function made(random: Random): { memory: SharedArrayBuffer } {
  const sizes = random.pick([{ window: 64 }, { window: 100 }, { capacity: 1 }, { capacity: 100 }, { window: 4096 }])
  const { memory } = pipe({ ...sizes, errorBytes: ERROR_BYTES }).reader
  guard(memory, ERROR_BYTES)
  return { memory }
}

/** Gives its memory once, and nothing to whoever looks again. */
function flipping(memory: SharedArrayBuffer, half: string): unknown {
  let looks = 0
  return {
    half,
    get memory() {
      looks += 1
      return looks === 1 ? memory : undefined
    },
  }
}

const plain = (memory: SharedArrayBuffer, half: string): unknown => ({ memory, half })
const frozen = (memory: SharedArrayBuffer, half: string): unknown => Object.freeze({ half, memory, more: 1 })
const inherited = (memory: SharedArrayBuffer, half: string): unknown => Object.create({ memory, half })
const proxied = (memory: SharedArrayBuffer, half: string): unknown => new Proxy({ memory, half }, {})
