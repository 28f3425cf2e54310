import { describe, isError } from './core.ts'

/** What a stream was ended with, as the error that ends a pipe: reasons may be anything. @returns undefined if there is none */
export function reasonOf(reason: unknown): Error | undefined {
  if (reason === undefined || reason === null) return undefined
  if (isError(reason)) return reason
  return new Error(typeof reason === 'string' ? reason : `The stream ended with ${describe(reason)}`, { cause: reason })
}
