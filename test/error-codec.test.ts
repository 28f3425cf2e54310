import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeError, encodeError, isError } from '../src/error-codec.ts'
import { PipeError } from '../src/errors.ts'

const ROOM = 4096
const travel = (error: Error, limit = ROOM) => decodeError(encodeError(error, limit)) as Error & Record<string, unknown>

test('every built-in class comes back as itself', () => {
  for (const Class of [Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError]) {
    const seen = travel(new Class('m'))
    expect(seen.constructor).toBe(Class)
    expect(Object.prototype.toString.call(seen)).toBe('[object Error]')
  }
})

test('an error of another realm counts', () => {
  const foreign = runInNewContext('new RangeError("elsewhere")')
  expect(isError(foreign)).toBe(true)
  expect(travel(foreign)).toBeInstanceOf(RangeError)
})

test('name, code on the prototype, non-enumerable code, errors of no AggregateError, and null as cause', () => {
  class Coded extends Error {
    get code() {
      return 'E_GETTER'
    }
  }
  expect(travel(new Coded('x'))).toMatchObject({ code: 'E_GETTER' })
  const hidden = new Error('x')
  Object.defineProperty(hidden, 'code', { value: 'E_HIDDEN' })
  expect(travel(hidden)).toMatchObject({ code: 'E_HIDDEN' })
  expect(travel(Object.assign(new Error('x'), { errors: [{ path: 'a' }] }))).toMatchObject({ errors: [{ path: 'a' }] })
  expect(travel(new Error('x', { cause: null })).cause).toBe(null)
  expect('cause' in travel(new Error('x'))).toBe(false)
  expect(travel(Object.assign(new PipeError('ERR_PIPE_TIMEOUT', 'x'), { bytesWritten: 3 }))).toMatchObject({
    code: 'ERR_PIPE_TIMEOUT',
    bytesWritten: 3,
  })
})

test('class names that Object.prototype knows are no classes', () => {
  for (const name of ['valueOf', 'constructor', 'toString', '__proto__']) {
    const Odd = { [name]: class extends TypeError {} }[name] as typeof TypeError
    if (Odd === undefined) continue
    Object.defineProperty(Odd, 'name', { value: name })
    expect(travel(new Odd('m'))).toBeInstanceOf(TypeError)
  }
})

test('own properties called __proto__ stay properties', () => {
  const error = new Error('x')
  Object.defineProperty(error, '__proto__', { value: { polluted: true }, enumerable: true })
  const seen = travel(error)
  expect(Object.getPrototypeOf(seen)).toBe(Error.prototype)
  expect(Object.hasOwn(seen, '__proto__')).toBe(true)
})

test('cycles and depth end, and say that they were cut', () => {
  const loop = new Error('loop')
  loop.cause = loop
  expect(travel(loop, 2 ** 20).message).toBe('loop')
  const many = travel(
    new AggregateError(
      Array.from({ length: 100 }, (_, i) => new Error(`${i}`)),
      'many',
    ),
    2 ** 20,
  )
  expect((many as unknown as AggregateError).errors.length).toBe(63)
  expect(many.stack).toMatch(/\[cut\]$/)
})

describe('hostile errors', () => {
  test('getters and traps that throw', () => {
    const thrower = new Error('x')
    for (const key of ['stack', 'message', 'name', 'cause', 'own']) {
      Object.defineProperty(thrower, key, {
        enumerable: true,
        get() {
          throw new Error('boom')
        },
      })
    }
    expect(travel(thrower)).toBeInstanceOf(Error)
    const trapped = new Proxy(new Error('x'), {
      ownKeys() {
        throw new Error('boom')
      },
    })
    expect(travel(trapped)).toBeInstanceOf(Error)
  })

  test('texts of 100 MB of what JSON must escape take no time', () => {
    const startedMs = performance.now()
    const error = new Error('\u0000'.repeat(100e6))
    error.stack = 'x'
    const seen = travel(error)
    expect(seen.message).toMatch(/\[cut\]$/)
    expect(performance.now() - startedMs).toBeLessThan(2000)
  })

  test('bytes that are no error', () => {
    for (const bytes of [new Uint8Array(0), new Uint8Array(10), new TextEncoder().encode('null'), Uint8Array.of(255)]) {
      expect(decodeError(bytes)).toBe(undefined)
    }
    for (const text of ['{}', '[]', '{"c":"hasOwnProperty","m":1}', '{"c":"DOMException","n":{},"m":""}', '1']) {
      const seen = decodeError(new TextEncoder().encode(text))
      expect(seen === undefined || isError(seen)).toBe(true)
    }
  })
})

test('whatever the error and the room: it fits, it comes back, and nothing throws', () => {
  const texts = fc.oneof(fc.string({ unit: 'binary', maxLength: 3000 }), fc.string())
  const errors = fc.record({
    message: texts,
    stack: fc.option(texts, { nil: undefined }),
    code: fc.option(fc.oneof(texts, fc.integer()), { nil: undefined }),
    cause: fc.anything(),
    own: fc.dictionary(fc.string(), fc.anything(), { maxKeys: 4 }),
    nested: fc.boolean(),
  })
  fc.assert(
    fc.property(errors, fc.integer({ min: 128, max: 5000 }), ({ message, stack, code, cause, own, nested }, limit) => {
      const error = new TypeError(message, { cause: nested ? new RangeError(message) : cause })
      if (stack !== undefined) error.stack = stack
      for (const [key, value] of Object.entries(own)) {
        Object.defineProperty(error, key, { value, enumerable: true, configurable: true, writable: true })
      }
      if (code !== undefined) Object.assign(error, { code })
      const bytes = encodeError(error, limit)
      expect(bytes.length).toBeLessThanOrEqual(limit)
      const seen = decodeError(bytes)
      expect(seen).toBeInstanceOf(Error)
      const whole = seen?.message === error.message.toWellFormed() || seen?.message === error.message
      expect(whole || /\[cut\]$/.test(seen?.message ?? '')).toBe(true)
    }),
    { numRuns: 500 },
  )
})
