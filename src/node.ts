/**
 * Pipes and what only Node has, Deno and Bun likewise: its streams, file descriptors, and workers that die.
 *
 * @example
 * ```js
 * import { createHash } from 'node:crypto'
 * import { closeSync, openSync } from 'node:fs'
 * import { copy, pipe } from 'threadpipe'
 * import { fdReader, toReadable } from 'threadpipe/node'
 *
 * const { reader, writer } = pipe()
 * const fd = openSync(process.execPath, 'r')
 * copy(writer, fdReader(fd)).finally(() => writer.close())
 * const hash = createHash('sha256')
 * for await (const chunk of toReadable(reader)) hash.update(chunk)
 * closeSync(fd)
 * console.log(hash.digest('hex'))
 * ```
 * @module threadpipe/node
 */
export { type FileReader, type FileWriter, fdReader, fdWriter } from './node/descriptors.ts'
export { toReadable, toWritable } from './node/streams.ts'
export { watch } from './node/watch.ts'
