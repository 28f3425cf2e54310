/**
 * The core, as the rest of the package sees it: all that is public, and what its own modules use beyond that. Published, it is one file with all that it imports: a thread
 * that needs it starts sooner so, and V8 takes the numbers of the layout for constants, which it does not across modules.
 */
export {
  type AsyncWaitOptions,
  bytesOf,
  checkFunction,
  checkHalf,
  checkObject,
  describe,
  type PipeHandle,
  signalOf,
  sizeOption,
  type WaitOptions,
} from './checks.ts'
export { endExited } from './ending.ts'
export { decodeError, encodeError, isError } from './error-codec.ts'
export { PipeError, type PipeErrorCode, sayProgress } from './errors.ts'
export { noteExit } from './holders.ts'
export type { Fill, Use } from './in-place.ts'
export * from './io.ts'
export { openMemory } from './memory.ts'
export { type PipeOptions, pipe } from './pipe.ts'
export { PipeReader } from './reader.ts'
export type { PipeStats } from './stats.ts'
export { PipeWriter } from './writer.ts'
