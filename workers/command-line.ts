import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { copy, type PipeReader, pipe } from 'threadpipe'
import { toReadable, watch } from 'threadpipe/node'
import { endWhenUnread, isProgram, start } from './start.ts'
import type { WordsTask } from './words.ts'

/** Lets a command of the shell stand between two pipes. @returns the end that its output comes out of */
export function through(command: string, args: string[], input: PipeReader): PipeReader {
  const output = pipe({ capacity: 64 * 1024 })
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const fail = (error: Error): void => {
    input.closeWithError(error)
    output.writer.closeWithError(error)
  }
  // A command may leave early, as `head` does: then its input is closed, and that is no failure. But it must not take an input that breaks off for all.
  const source = toReadable(input)
  let hasLeft = false
  for (const event of ['error', 'close']) child.stdin.once(event, () => (hasLeft ||= !source.destroyed))
  pipeline(source, child.stdin).catch((error) => {
    if (hasLeft) return
    child.kill()
    fail(error)
  })
  // Both, in any order: its output is copied, and it has ended well.
  Promise.all([once(child, 'close'), copy(output.writer, child.stdout)])
    .then(([[code]]) => (code === 0 ? output.writer.close() : fail(new Error(`${command} ended with ${code}`))))
    .catch(fail)
  return output.reader
}

/** Words from a thread. */
export function wordsFromThread(count: number): PipeReader {
  const { reader, writer } = pipe({ capacity: 64 * 1024 })
  watch(start('./words.ts', { output: writer, count } satisfies WordsTask), writer)
  return reader
}

// npm run example:commands
if (isProgram(import.meta.url)) {
  endWhenUnread()
  const sorted = through('sort', ['-u'], wordsFromThread(100_000))
  for await (const chunk of through('wc', ['-l'], sorted)) process.stdout.write(chunk)
}
