import { inspect } from 'node:util'
import fc from 'fast-check'

/** A value for an argument, and what is wrong with it. */
export class Sample {
  readonly value: unknown
  /** What a call with it must throw; nothing if the value is right. */
  readonly wrong: typeof TypeError | typeof RangeError | undefined

  constructor(value: unknown, wrong?: typeof TypeError | typeof RangeError) {
    this.value = value
    this.wrong = wrong
  }

  /** fast-check's own way to print a value fails on a detached view, and on others that fight back. */
  [fc.toStringMethod](): string {
    try {
      return `${this.wrong?.name ?? 'right'}: ${inspect(this.value, { maxArrayLength: 9, maxStringLength: 99 })}`
    } catch {
      return `${this.wrong?.name ?? 'right'}: what cannot be printed`
    }
  }
}

/** What a getter or a callback of the caller's own throws: it may come through. */
export class OwnError extends Error {}

const right = (value: unknown): Sample => new Sample(value)
const mistyped = (value: unknown): Sample => new Sample(value, TypeError)
const outOfRange = (value: unknown): Sample => new Sample(value, RangeError)

const ANYTHING = fc.anything({
  withBigInt: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
})

/** Any value but those that are right. */
function otherThan(isRight: (value: unknown) => boolean): fc.Arbitrary<Sample> {
  return fc
    .oneof(
      ANYTHING,
      fc.constantFrom<unknown>(Symbol('x'), () => 1, Symbol, new Proxy({}, {}), 'x'.repeat(99)),
    )
    .filter((value) => !isRight(value))
    .map(mistyped)
}

const KINDS = [Uint8Array, Int8Array, Uint8ClampedArray, Uint16Array, Float64Array, BigInt64Array, Buffer, DataView]

/** Bytes that a call can move: views of every kind, over memory of either kind, at any offset. */
const views: fc.Arbitrary<Sample> = fc
  .record({ kind: fc.constantFrom(...KINDS), count: fc.nat(300), offset: fc.nat(9), shared: fc.boolean() })
  .map(({ kind, count, offset, shared }) => {
    const memory = shared ? new SharedArrayBuffer(8 * (count + offset)) : new ArrayBuffer(8 * (count + offset))
    if (kind === Buffer) return right(Buffer.from(memory, offset, count))
    const View = kind as new (memory: ArrayBufferLike, offset: number, count: number) => ArrayBufferView
    return right(new View(memory, 8 * offset, count))
  })

const goneViews: fc.Arbitrary<Sample> = fc.constantFrom('detached', 'shrunk', 'shrunk DataView').map((how) => {
  if (how === 'detached') {
    const bytes = new Uint8Array(8)
    structuredClone(bytes, { transfer: [bytes.buffer] })
    return mistyped(bytes)
  }
  const memory = new ArrayBuffer(16, { maxByteLength: 32 })
  const view = how === 'shrunk' ? new Uint16Array(memory, 8, 4) : new DataView(memory, 8, 8)
  memory.resize(4)
  return mistyped(view)
})

const target = fc.oneof({ weight: 4, arbitrary: views }, goneViews, otherThan(ArrayBuffer.isView))

const source = fc.oneof(
  { weight: 4, arbitrary: views },
  fc.string({ unit: 'binary', maxLength: 300 }).map(right),
  goneViews,
  otherThan((value) => ArrayBuffer.isView(value) || typeof value === 'string'),
)

const sources = fc.oneof(
  { weight: 4, arbitrary: fc.array(target, { maxLength: 6 }).map(together) },
  fc.array(views, { minLength: 1, maxLength: 3 }).map((pieces) => {
    const holes = pieces.map(({ value }) => value)
    holes.length += 1
    return mistyped(holes)
  }),
  otherThan((value) => Array.isArray(value)),
)

function together(pieces: Sample[]): Sample {
  const value = pieces.map((piece) => piece.value)
  return pieces.some(({ wrong }) => wrong !== undefined) ? mistyped(value) : right(value)
}

/** Numbers that are right from `low` to `high`, if they are whole. */
function wholeNumber(low: number, high: number): fc.Arbitrary<Sample> {
  const odd = fc.constantFrom(low - 1, high + 1, Number.NaN, Infinity, -Infinity, 0.5, -0.5, 2 ** 31, 2 ** 53, 1e300)
  return fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: low, max: Math.min(high, low + 5000) }).map(right) },
    fc
      .oneof(odd, fc.double(), fc.integer())
      .map((n) => (Number.isInteger(n) && n >= low && n <= high ? right(n) : outOfRange(n))),
    otherThan((value) => typeof value === 'number' || value === undefined),
  )
}

const size = fc.oneof({ weight: 6, arbitrary: wholeNumber(0, 4096) }, fc.constant(mistyped(undefined)))

/** Callbacks are right or wrong by what they give, too. */
const callback: fc.Arbitrary<Sample> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      right(() => undefined),
      right(() => 0),
      right((lent: Uint8Array) => lent.length),
    ),
  },
  fc.constantFrom(
    outOfRange(() => 0.5),
    outOfRange(() => -1),
    outOfRange(() => Number.NaN),
    outOfRange((lent: Uint8Array) => lent.length + 1),
  ),
  otherThan((value) => value === undefined || typeof value === 'number').map(({ value }) => mistyped(() => value)),
  otherThan((value) => typeof value === 'function'),
)

const timeout = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(0, 0, 1, 0.5, -0).map(right) },
  fc.constantFrom(-1, -5e-324, Number.NaN, -Infinity).map(outOfRange),
  otherThan((value) => typeof value === 'number' || value === undefined),
)

const signal = fc.oneof(
  { weight: 2, arbitrary: fc.constant(right(new AbortController().signal)) },
  fc.constant(right(undefined)),
  otherThan((value) => value === undefined),
)

/** Options always have a time-out, unless they are wrong: a call must not wait for ever. */
const waitOptions: fc.Arbitrary<Sample> = fc.oneof(
  { weight: 5, arbitrary: timeout.map(({ value, wrong }) => new Sample({ timeout: value }, wrong)) },
  otherThan((value) => (typeof value === 'object' && value !== null) || value === undefined),
  fc.constant(mistyped(null)),
)

const asyncOptions: fc.Arbitrary<Sample> = fc.oneof(
  waitOptions,
  signal.map(({ value, wrong }) => new Sample({ timeout: 0, signal: value }, wrong)),
)

const hostileErrors = fc.constantFrom<() => unknown>(
  () => new Error('plain'),
  () => new AggregateError([new Error('one'), 2, null], 'many'),
  () => new DOMException('why', 'DataError'),
  () => Object.assign(new Error('x'.repeat(100_000)), { self: globalThis, code: 'E'.repeat(500) }),
  () => {
    const error = new Error('round')
    error.cause = error
    return error
  },
  () =>
    Object.defineProperty(new Error('getter'), 'message', {
      get: () => {
        throw new OwnError()
      },
    }),
  () =>
    new Proxy(new Error('proxy'), {
      get: () => {
        throw new OwnError()
      },
    }),
  () => Object.freeze(Object.assign(new TypeError('frozen'), { toJSON: () => 1n })),
)

const ending = fc.oneof(
  { weight: 2, arbitrary: hostileErrors.map((make) => right(make())) },
  otherThan((value) => value === undefined || value === null),
)

const sizeField = (low: number, high: number) => fc.option(wholeNumber(low, high), { nil: undefined })

const pipeOptions: fc.Arbitrary<Sample> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc
      .record({ capacity: sizeField(0, 2 ** 30), window: sizeField(1, 2 ** 30), errorBytes: sizeField(128, 2 ** 24) })
      .map((fields) => {
        const entries = Object.entries(fields).filter(([, sample]) => sample !== undefined) as [string, Sample][]
        const value = Object.fromEntries(entries.map(([name, sample]) => [name, sample.value]))
        // The fields are looked at in order: the first that is wrong is named.
        const wrong = entries.find(([, sample]) => sample.wrong !== undefined)?.[1].wrong
        return new Sample(value, wrong)
      }),
  },
  otherThan((value) => (typeof value === 'object' && value !== null) || value === undefined),
)

/** What an argument can be, by its role. */
export const SAMPLES = { target, source, sources, size, callback, waitOptions, asyncOptions, ending, pipeOptions }
export type Role = keyof typeof SAMPLES
