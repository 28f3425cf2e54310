import { readFileSync } from 'node:fs'
import { figureText, type Result } from './report.ts'

/** The table of speed in the README, made of what is filed under `bench/results`. */

const [BEGIN, END] = ['<!-- made by npm run bench -->', '<!-- end of speed -->']

interface Column {
  title: string
  scenario: string
  name: string
}

const COLUMNS: readonly Column[] = [
  { title: 'threadpipe', scenario: 'rendezvous', name: 'threadpipe' },
  { title: '… written in place', scenario: 'rendezvous', name: 'threadpipe, written in place' },
  { title: '… buffered', scenario: 'buffered', name: 'threadpipe, buffered' },
  { title: "Go's `io.Pipe`", scenario: 'rendezvous', name: "Go's io.Pipe" },
  { title: 'kernel FIFO', scenario: 'rendezvous', name: 'kernel FIFO' },
  { title: 'ringbuf.js', scenario: 'buffered', name: 'ringbuf.js' },
  { title: '`postMessage`', scenario: 'rendezvous', name: 'MessagePort, copied' },
  { title: 'C, spinning', scenario: 'rendezvous', name: 'the limit, in C' },
]
const ROWS = ['1 B', '64 B', '1 KiB', '4 KiB', '64 KiB', '1 MiB', '16 MiB']

/** @param folder where the results are filed */
export function speedTable(folder: URL): string {
  const results = new Map<string, Result>()
  for (const { scenario } of COLUMNS) {
    results.set(scenario, JSON.parse(readFileSync(new URL(`${scenario}.json`, folder), 'utf8')) as Result)
  }
  const cell = (row: string, { scenario, name }: Column): string => {
    const point = results.get(scenario)?.points.find(({ label }) => label === row)
    const median = point?.figures.find((figure) => figure.name === name)?.median
    return median === undefined ? '–' : figureText(median)
  }
  return [
    `| ns per send | ${COLUMNS.map(({ title }) => title).join(' | ')} |`,
    `| --- | ${COLUMNS.map(() => '---:').join(' | ')} |`,
    ...ROWS.map((row) => `| ${row} | ${COLUMNS.map((column) => cell(row, column)).join(' | ')} |`),
  ].join('\n')
}

/** Puts a table between its marks. */
export function withSpeedTable(readme: string, table: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} before ${END}`)
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table}\n\n${readme.slice(end)}`
}
