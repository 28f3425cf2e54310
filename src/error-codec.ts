import { PipeError } from './errors.ts'

/**
 * Carries an error between threads as a bounded text (C27). `structuredClone` would drop `code`, own properties and more, and
 * would need an event loop at the other end.
 */

/** How deep causes and members of an AggregateError are followed. */
const MAX_DEPTH = 8
/** How many errors travel in all: causes, members, and their own. */
const MAX_ERRORS = 64
const CUT_MARK = '… [cut]'
/** Of the name and the code, which outlive all other cutting. */
const MAX_NAME = 32

/** One error as it travels; short keys, since room is short. */
interface Packed {
  /** name of the nearest built-in class */
  c: string
  n: string
  m: string
  s?: string
  /** cause: an error, or any other JSON-able value */
  e?: Packed
  v?: unknown
  /** members of an AggregateError */
  a?: Packed[]
  /** own properties */
  p?: Record<string, unknown>
}

const BUILT_IN: Record<string, new (message: string) => Error> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

const CARRIED_APART = new Set(['name', 'message', 'stack', 'cause', 'errors'])
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Tells an error from other values, also one of another realm. */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true
  const tag = Object.prototype.toString.call(value)
  return tag === '[object Error]' || tag === '[object DOMException]'
}

/**
 * Packs an error into at most `limit` bytes. What does not fit is cut from the stacks first, then the own properties, then causes and
 * members, the message last; what was cut is marked. Never throws, whatever the error's getters do.
 */
export function encodeError(error: Error, limit: number): Uint8Array {
  const packed = pack(error, 0, { left: MAX_ERRORS })
  const shorterAndShorter = [
    () => packed,
    () => withStacksIn(packed, limit),
    () => change(packed, cutProperties),
    () => cutNested(packed),
    () => cutMessage(packed, limit),
  ]
  for (const shorten of shorterAndShorter) {
    const bytes = toBytes(shorten())
    if (bytes.length <= limit) return bytes
  }
  return toBytes({ c: 'Error', n: 'Error', m: CUT_MARK })
}

/** Rebuilds what `encodeError` packed. @returns undefined where the bytes are no such thing */
export function decodeError(bytes: Uint8Array): Error | undefined {
  try {
    // A copy, because TextDecoder takes no shared memory everywhere.
    return unpack(JSON.parse(decoder.decode(bytes.slice())))
  } catch {
    return undefined
  }
}

function pack(error: Error, depth: number, room: { left: number }): Packed {
  room.left -= 1
  const packed: Packed = {
    c: builtInClassOf(error),
    n: text(() => error.name, 'Error'),
    m: text(() => error.message, ''),
  }
  const stack = text(() => error.stack, '')
  if (stack !== '') packed.s = stack
  const properties = jsonAbleProperties(error)
  if (properties !== undefined) packed.p = properties
  if (depth >= MAX_DEPTH) return packed
  const cause = attempt(() => error.cause)
  if (isError(cause)) {
    if (room.left > 0) packed.e = pack(cause, depth + 1, room)
  } else if (cause !== undefined) {
    packed.v = jsonAble(cause) ?? attempt(() => String(cause))
  }
  const members = attempt(() => (error as AggregateError).errors)
  if (packed.c === 'AggregateError' && Array.isArray(members)) {
    packed.a = []
    for (const member of members) {
      if (room.left <= 0) break
      packed.a.push(pack(isError(member) ? member : nonError(member), depth + 1, room))
    }
  }
  return packed
}

function unpack(packed: Packed): Error {
  const message = String(packed.m)
  const error = instantiate(packed, message)
  if (error.name !== packed.n) define(error, 'name', packed.n, false)
  if (typeof packed.s === 'string') define(error, 'stack', packed.s, false)
  if (packed.e !== undefined) define(error, 'cause', unpack(packed.e), false)
  else if ('v' in packed) define(error, 'cause', packed.v, false)
  for (const [key, value] of Object.entries(packed.p ?? {})) define(error, key, value, true)
  return error
}

function instantiate(packed: Packed, message: string): Error {
  switch (packed.c) {
    case 'AggregateError':
      return new AggregateError((packed.a ?? []).map(unpack), message)
    case 'DOMException':
      return new DOMException(message, packed.n) as unknown as Error
    case 'PipeError':
      // Its code travels among the own properties.
      return new PipeError('ERR_PIPE_CLOSED', message)
    default:
      return new (BUILT_IN[packed.c] ?? Error)(message)
  }
}

/** The nearest class that the other thread has too, by name, so that errors of another realm count. */
function builtInClassOf(error: Error): string {
  for (let proto: unknown = error; proto !== null && proto !== undefined; proto = Object.getPrototypeOf(proto)) {
    const name = attempt(() => (proto as { constructor?: { name?: unknown } }).constructor?.name)
    if (typeof name !== 'string') continue
    if (name in BUILT_IN || name === 'AggregateError' || name === 'DOMException' || name === 'PipeError') return name
  }
  return 'Error'
}

function jsonAbleProperties(error: Error): Record<string, unknown> | undefined {
  const entries: [string, unknown][] = []
  for (const key of Object.keys(error)) {
    if (CARRIED_APART.has(key)) continue
    const value = jsonAble(attempt(() => (error as unknown as Record<string, unknown>)[key]))
    if (value !== undefined) entries.push([key, value])
  }
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}

/** The value as JSON would carry it; undefined for what JSON cannot. */
function jsonAble(value: unknown): unknown {
  return attempt(() => JSON.parse(JSON.stringify(value)))
}

function nonError(value: unknown): Error {
  return new Error(text(() => String(value), 'a value that is not an error'))
}

/** All layers with as much of the stacks, outermost first, as the limit leaves room for. */
function withStacksIn(packed: Packed, limit: number): Packed {
  const bare = change(packed, cutStack)
  let room = limit - toBytes(bare).length
  return change(packed, (layer) => {
    if (layer.s === undefined) return
    const stack = cutText(layer.s, room + jsonBytes(CUT_MARK)) ?? CUT_MARK
    room -= jsonBytes(stack) - jsonBytes(CUT_MARK)
    layer.s = stack
  })
}

/** A copy of all layers, each changed by `alter`. Outermost first. */
function change(packed: Packed, alter: (layer: Packed) => void): Packed {
  const layer = { ...packed }
  alter(layer)
  if (layer.e !== undefined) layer.e = change(layer.e, alter)
  if (layer.a !== undefined) layer.a = layer.a.map((member) => change(member, alter))
  return layer
}

/** Leaves the mark, or the receiver would take its own stack for the sender's. */
function cutStack(layer: Packed): void {
  layer.s = CUT_MARK
}

function cutProperties(layer: Packed): void {
  cutStack(layer)
  const code = layer.p?.['code']
  delete layer.p
  if (typeof code === 'string' && code.length <= MAX_NAME) layer.p = { code }
}

function cutNested(packed: Packed): Packed {
  const { e: _cause, v: _value, a: _members, ...layer } = packed
  cutProperties(layer)
  return layer
}

function cutMessage(packed: Packed, limit: number): Packed {
  const bare = { ...cutNested(packed), n: packed.n.slice(0, MAX_NAME), m: '' }
  return { ...bare, m: cutText(packed.m, limit - toBytes(bare).length) ?? '' }
}

/** As much of a text as fits into `room` bytes of JSON, marked as cut; undefined where not even the mark fits. */
function cutText(full: string, room: number): string | undefined {
  if (jsonBytes(full) <= room) return full
  let low = 0
  let high = full.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (jsonBytes(full.slice(0, middle) + CUT_MARK) <= room) low = middle
    else high = middle - 1
  }
  const kept = full.slice(0, low).toWellFormed() + CUT_MARK
  return jsonBytes(kept) <= room ? kept : undefined
}

/** The bytes of a text within JSON, without its quotes. */
function jsonBytes(value: string): number {
  return encoder.encode(JSON.stringify(value)).length - 2
}

function toBytes(packed: Packed): Uint8Array {
  return encoder.encode(JSON.stringify(packed))
}

/** Defined, not assigned: a property called `__proto__` is just a property, and setters are not run. */
function define(error: Error, key: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, configurable: true, writable: true })
}

function text(get: () => unknown, otherwise: string): string {
  const value = attempt(get)
  return typeof value === 'string' ? value : otherwise
}

function attempt<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch {
    return undefined
  }
}
