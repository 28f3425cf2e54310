import { closeSync, openSync } from 'node:fs'
import type { ReaderSync } from 'threadpipe'
import { fdReader } from 'threadpipe/node'
import { endWhenUnread, isProgram } from './start.ts'

const CHUNK_BYTES = 4096

/** Parses `key=value` lines from anything that reads, a file, a socket or a pipe, as they come. @throws SyntaxError that names the line */
export function* parseSettings(source: ReaderSync): Generator<[key: string, value: string]> {
  let number = 0
  for (const line of lines(source)) {
    number += 1
    if (line === '' || line.startsWith('#')) continue
    const at = line.indexOf('=')
    if (at < 1) throw new SyntaxError(`line ${number} is no setting: ${line}`)
    yield [line.slice(0, at), line.slice(at + 1)]
  }
}

function* lines(source: ReaderSync): Generator<string> {
  const decoder = new TextDecoder()
  const chunk = new Uint8Array(CHUNK_BYTES)
  let rest = ''
  for (;;) {
    const n = source.readSync(chunk)
    rest += n === null ? decoder.decode() : decoder.decode(chunk.subarray(0, n), { stream: true })
    const complete = rest.split('\n')
    rest = complete.pop() ?? ''
    yield* complete
    if (n !== null) continue
    if (rest !== '') yield rest
    return
  }
}

const STDIN = 0

// npm run example:parser -- [FILE]
if (isProgram(import.meta.url)) {
  endWhenUnread()
  const path = process.argv[2]
  let file = STDIN
  try {
    if (path !== undefined) file = openSync(path, 'r')
    for (const [key, value] of parseSettings(fdReader(file))) console.log(`${key.trim()}: ${value.trim()}`)
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  } finally {
    if (file !== STDIN) closeSync(file)
  }
}
