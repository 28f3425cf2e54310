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
const MAX_NAME = 64

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

/** What remains of an error that fails to tell about itself. */
const UNPACKABLE: Packed = { c: 'Error', n: 'Error', m: CUT_MARK, s: CUT_MARK }

const BUILT_IN: Record<string, new (message: string) => Error> = {
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
}

const CARRIED_APART = new Set(['name', 'message', 'stack', 'cause'])
const encoder = /* @__PURE__ */ new TextEncoder()
const decoder = /* @__PURE__ */ new TextDecoder()

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
  const packed = attempt(() => pack(error, 0, { errors: MAX_ERRORS, bytes: limit })) ?? UNPACKABLE
  const shorterAndShorter = [
    () => packed,
    () => withStacksIn(packed, limit),
    () => change(packed, cutProperties),
    () => cutNested(packed),
    () => cutMessage(packed, limit),
  ]
  for (const shorten of shorterAndShorter) {
    const bytes = attempt(() => toBytes(shorten()))
    if (bytes !== undefined && bytes.length <= limit) return bytes
  }
  return toBytes(UNPACKABLE)
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

function pack(error: Error, depth: number, room: { errors: number; bytes: number }): Packed {
  room.errors -= 1
  const packed: Packed = {
    c: builtInClassOf(error),
    n: text(() => error.name, room.bytes) ?? 'Error',
    m: text(() => error.message, room.bytes) ?? '',
  }
  packed.s = text(() => error.stack, room.bytes) ?? `${packed.n}: ${packed.m}`
  packProperties(error, packed, room.bytes)
  const cause = attempt(() => error.cause)
  if (isError(cause)) {
    if (depth < MAX_DEPTH && room.errors > 0) packed.e = pack(cause, depth + 1, room)
    else markCut(packed)
  } else if (cause !== undefined) {
    const value = jsonAble(cause, room.bytes)
    packed.v = value === undefined ? text(() => String(cause), room.bytes) : value
  }
  const members = packed.c === 'AggregateError' ? attempt(() => (error as AggregateError).errors) : undefined
  if (!Array.isArray(members)) return packed
  packed.a = []
  for (const member of members) {
    if (depth >= MAX_DEPTH || room.errors <= 0) {
      markCut(packed)
      break
    }
    packed.a.push(pack(isError(member) ? member : nonError(member), depth + 1, room))
  }
  return packed
}

/** Own properties, and the code, which may stand on a prototype. */
function packProperties(error: Error, packed: Packed, limit: number): void {
  const properties: [string, unknown][] = []
  const add = (key: string): void => {
    const value = attempt(() => (error as unknown as Record<string, unknown>)[key])
    const carried = jsonAble(value, limit)
    if (carried !== undefined) properties.push([key, carried])
    else if (typeof value === 'object' || typeof value === 'string') markCut(packed)
  }
  for (const key of attempt(() => Object.keys(error)) ?? []) {
    if (key !== 'code' && !CARRIED_APART.has(key) && !(key === 'errors' && packed.c === 'AggregateError')) add(key)
  }
  // A DOMException's code follows from its name.
  if (packed.c !== 'DOMException') add('code')
  if (properties.length > 0) packed.p = Object.fromEntries(properties)
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
      return new ((Object.hasOwn(BUILT_IN, packed.c) ? BUILT_IN[packed.c] : undefined) ?? Error)(message)
  }
}

/** The nearest class that the other thread has too, by name, so that errors of another realm count. */
function builtInClassOf(error: Error): string {
  for (let proto: unknown = error; proto !== null && proto !== undefined; proto = Object.getPrototypeOf(proto)) {
    const name = attempt(() => (proto as { constructor?: { name?: unknown } }).constructor?.name)
    if (typeof name !== 'string') continue
    if (Object.hasOwn(BUILT_IN, name) || name === 'AggregateError' || name === 'DOMException' || name === 'PipeError')
      return name
  }
  return 'Error'
}

/** The value as JSON would carry it; undefined for what JSON cannot, or not within the limit. */
function jsonAble(value: unknown, limit: number): unknown {
  return attempt(() => {
    const json = JSON.stringify(value)
    return json === undefined || json.length > limit ? undefined : JSON.parse(json)
  })
}

function nonError(value: unknown): Error {
  return new Error(attempt(() => String(value)) ?? 'a value that is not an error')
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
  if (typeof code === 'number' || (typeof code === 'string' && code.length <= MAX_NAME)) layer.p = { code }
}

function cutNested(packed: Packed): Packed {
  const { e: _cause, v: _value, a: _members, ...layer } = packed
  cutProperties(layer)
  return layer
}

function cutMessage(packed: Packed, limit: number): Packed {
  const bare = { ...cutNested(packed), n: packed.n.slice(0, MAX_NAME), m: '' }
  const message = cutText(packed.m, limit - toBytes(bare).length)
  if (message !== undefined) return { ...bare, m: message }
  const { c, n } = bare
  return { c, n, m: CUT_MARK, s: CUT_MARK }
}

function markCut(layer: Packed): void {
  layer.s = `${layer.s ?? ''} ${CUT_MARK}`
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

/** A text, cut to a length that is certain not to fit any longer. */
function text(get: () => unknown, limit: number): string | undefined {
  const value = attempt(get)
  if (typeof value !== 'string') return undefined
  return value.length <= limit ? value : value.slice(0, limit) + CUT_MARK
}

function attempt<T>(get: () => T): T | undefined {
  try {
    return get()
  } catch {
    return undefined
  }
}
