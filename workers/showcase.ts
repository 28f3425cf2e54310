import { existsSync, mkdirSync, statSync } from 'node:fs'
import { basename, dirname, extname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import ora from 'ora'
import { gzipFile } from './gzip-file.ts'
import { PIECE } from './media/music.ts'
import { type Audience, perform } from './media/perform.ts'
import { checkTarget, type Found, findMusic, findSound } from './media/plan.ts'
import { reportOf } from './media/report.ts'
import { endWhenUnread } from './start.ts'

/**
 * `npm start`: makes a minute of music, plays it in a room, measures and draws it: on threads that are joined by pipes, and the same on one thread.
 * `npm start -- FILE` does that with the sound of a file, and compresses any other file on all cores.
 */

const USAGE = 'Usage: npm start -- [FILE] [--out TARGET]'

/** Does what was asked for. @returns what came of it, for people */
async function run(args: string[], audience: Audience): Promise<string> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: { out: { type: 'string' } } })
  if (positionals.length > 1) throw new Error(`one FILE at a time, not ${positionals.length}`)
  const source = positionals[0] === undefined ? undefined : resolve(positionals[0])
  if (source !== undefined && !statSync(source).isFile()) throw new Error(`${source} is not a file`)
  const found = source === undefined ? findMusic(PIECE) : await findSound(source)
  const target = values.out ?? defaultTarget(source, found)
  if (existsSync(target) && !statSync(target).isFile())
    throw new Error(`${resolve(target)} is there, and is not a file`)
  if (found !== null) await checkTarget(target)
  if (values.out === undefined) mkdirSync(dirname(target), { recursive: true })

  if (found !== null) return reportOf(await perform({ ...found, target }, audience))
  return gzipFile(source as string, target, audience)
}

function defaultTarget(source: string | undefined, found: Found | null): string {
  if (source === undefined) return 'out/music.wav'
  if (found === null) return `out/${basename(source)}.gz`
  return `out/${basename(source, extname(source))}-in-a-room.wav`
}

/** Each with what a shell gives for a command that it has ended. */
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const
const interrupt = new AbortController()
let exitCode = 1
for (const [signal, code] of Object.entries(SIGNALS)) {
  process.on(signal, () => {
    // Somebody has no patience.
    if (interrupt.signal.aborted) process.exit(code)
    exitCode = code
    interrupt.abort()
  })
}
endWhenUnread()
const spinner = ora()

try {
  const report = await run(process.argv.slice(2), {
    signal: interrupt.signal,
    onStep: (step) => void spinner.start(step),
    onProgress: (progress) => {
      // Where there is no terminal, each would be a line.
      if (process.stderr.isTTY) spinner.text = progress
    },
  })
  spinner.stop()
  console.log(report)
} catch (error) {
  spinner.stop()
  console.error(`threadpipe: ${(error as Error).message.replaceAll(/\s*\n\s*/g, ' ')}`)
  const { code } = error as NodeJS.ErrnoException
  if (code?.startsWith('ERR_PARSE_ARGS') === true) console.error(USAGE)
  process.exitCode = exitCode
}
