import * as threadpipe from 'threadpipe'

/**
 * Calls of functions in another thread, on any runtime. They travel as their source text: they see their two parameters, this module's
 * `ThreadScope` and their arguments, and nothing else.
 */

export type ThreadScope = typeof threadpipe & { ops: typeof ops; describeError: typeof describeError }

export interface Call {
  id: number
  source: string
  args: unknown
}

export type Reply = { id: number; value: unknown } | { id: number; error: ErrorDescription }

/** What tests want to know of an error of another thread. */
export interface ErrorDescription {
  class: string
  name: string
  message: string
  stack: string
  code: unknown
  cause: unknown
  bytesWritten: unknown
  bytesRead: unknown
  own: Record<string, unknown>
}

export type Kind = 'blocking' | 'awaited'

/** Both kinds of calls under one name, for tests that run in both. */
function ops(kind: Kind) {
  const blocking = kind === 'blocking'
  return {
    write: async (writer: threadpipe.PipeWriter, source: ArrayBufferView | string, options?: threadpipe.WaitOptions) =>
      blocking ? writer.writeSync(source, options) : writer.write(source, options),
    read: async (reader: threadpipe.PipeReader, target: ArrayBufferView, options?: threadpipe.WaitOptions) =>
      blocking ? reader.readSync(target, options) : reader.read(target, options),
    readFull: async (reader: threadpipe.PipeReader, target: Uint8Array) =>
      blocking ? threadpipe.readFullSync(reader, target) : threadpipe.readFull(reader, target),
  }
}

export function describeError(error: unknown): ErrorDescription {
  const e = error as Error & Record<string, unknown>
  const cause = e.cause
  return {
    class: e?.constructor?.name,
    name: e?.name,
    message: e?.message ?? String(error),
    stack: e?.stack ?? '',
    code: e?.['code'],
    cause: cause instanceof Error ? describeError(cause) : cause,
    bytesWritten: e?.['bytesWritten'],
    bytesRead: e?.['bytesRead'],
    own: JSON.parse(JSON.stringify({ ...e })),
  }
}

const scope: ThreadScope = { ...threadpipe, ops, describeError }

/** Runs what was called. @returns what to send back */
export async function answer({ id, source, args }: Call): Promise<Reply> {
  try {
    const run = new Function(`return (${source})`)() as (scope: ThreadScope, args: unknown) => unknown
    return { id, value: await run(scope, args) }
  } catch (error) {
    return { id, error: describeError(error) }
  }
}
