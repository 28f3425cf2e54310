import { spawn } from 'node:child_process'
import type { Outcome } from '../conformance/run.ts'

/** Runs the conformance suite in another program, and kills it where it hangs. */

/** What a whole run may take; it takes about 10 seconds. */
const LIMIT_MS = 90_000
/** How long a program may take to say one word and end. */
const WORD_MS = 20_000

export interface Run {
  outcomes: Outcome[]
  /** What is to be shown beside failures. */
  stderr: string
}

interface Ended {
  lines: string[]
  stderr: string
  /** Why it did not end well. */
  fault: string | undefined
}

/** Runs `test/conformance/main.js` and `alive.js` of a compiled folder. */
export async function runProgram(command: string, args: readonly string[], folder: URL, threads: string): Promise<Run> {
  const suite = await end(command, [...args, 'test/conformance/main.js', threads], folder, LIMIT_MS)
  const { lines, stderr } = suite
  const outcomes = lines.slice(0, -1).map((line) => JSON.parse(line) as Outcome)
  const fault = suite.fault ?? (lines.at(-1) === 'finished' ? undefined : 'ended before its last case')
  if (fault !== undefined) outcomes.push(brokenOff(fault, outcomes))
  if (threads !== 'web') {
    const name = 'C24: a pending await keeps the event loop alive, and only while pending'
    outcomes.push(await staysAlive(name, command, args, folder))
  }
  return { outcomes, stderr }
}

/** What is to be said of a run that broke off. */
export function brokenOff(fault: string, outcomes: readonly Outcome[]): Outcome {
  const after = outcomes.at(-1)?.name ?? 'the start'
  return {
    name: 'the suite runs to its end',
    features: [],
    limit: undefined,
    error: `${fault}, after: ${after}`,
    ms: 0,
  }
}

/** Runs `test/conformance/alive.js`: a whole program of two threads. */
export async function staysAlive(
  name: string,
  command: string,
  args: readonly string[],
  folder: URL,
): Promise<Outcome> {
  const startedMs = performance.now()
  const { lines, fault, stderr } = await end(command, [...args, 'test/conformance/alive.js'], folder, WORD_MS)
  const said = lines.join(' ')
  return {
    name,
    features: ['awaiting'],
    limit: undefined,
    error: fault ?? (said === 'alive' ? undefined : `it said ${JSON.stringify(said)}: ${stderr}`),
    ms: Math.round(performance.now() - startedMs),
  }
}

function end(command: string, args: readonly string[], folder: URL, limitMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const { NODE_OPTIONS: _nodeOptions, ...env } = process.env
    const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8')
      child[stream].on('data', (text: string) => {
        output[stream] += text
      })
    }
    let fault: string | undefined
    const timer = setTimeout(() => {
      fault = `hung for ${limitMs} ms and was killed`
      child.kill('SIGKILL')
    }, limitMs)
    child.on('error', (error) => {
      fault = error.message
    })
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      if (code !== 0) fault ??= `exited with ${code ?? signal}: ${output.stderr}`
      // What came of a case is a line of JSON; a line that a kill has cut off is none.
      const lines = output.stdout.split('\n').slice(0, -1)
      resolve({ lines: fault === undefined ? lines : [...lines, ''], stderr: output.stderr, fault })
    })
  })
}
