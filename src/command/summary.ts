import type { PipeWriter } from '../index.ts'

/** What a stage that reads everything is told about the one line that it says. */
export interface Summary {
  /** What it calls what it has read. */
  readonly sourceName: string
  /** Whether it writes the line to its output; if not, it only returns it. */
  readonly print: boolean
}

/** @returns the line */
export function summarize(output: PipeWriter, { print }: Summary, line: string): string {
  if (print) output.writeSync(line)
  return line
}
