import type { Feature, Limit } from '../conformance/bench.ts'
import type { Outcome } from '../conformance/run.ts'

/** The table of what works where, as it stands in the README, made of what a run has seen. */

/** One column each, in this order. */
const COLUMNS: readonly { feature: Feature; title: string }[] = [
  { feature: 'blocking', title: 'blocking' },
  { feature: 'blocking on the main thread', title: 'on the main thread' },
  { feature: 'awaiting', title: 'awaiting' },
  { feature: 'in place', title: 'in place' },
  { feature: 'ends and errors', title: 'ends, errors' },
  { feature: 'deaths', title: 'deaths seen' },
  { feature: 'web streams', title: 'web streams' },
  { feature: 'Node streams and files', title: 'Node streams, files' },
  { feature: 'pipelines', title: 'pipelines' },
]
const MARKS = ['¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹']
const [BEGIN, END] = ['<!-- made by npm run test:runtimes -- --write -->', '<!-- end -->']

/** What came of the suite on each runtime, by the runtime's name in the table. */
export type Results = ReadonlyMap<string, readonly Outcome[]>

/** The table with a row for each runtime, and its footnotes. */
export function tableOf(results: Results): string {
  const notes: Limit[] = []
  const markOf = (limit: Limit): string => {
    if (!notes.includes(limit)) notes.push(limit)
    return MARKS[notes.indexOf(limit)] as string
  }
  const rows = [...results].map(([runtime, outcomes]) => {
    const cells = COLUMNS.map(({ feature }) => {
      const about = outcomes.filter(({ features }) => features.includes(feature))
      const limits = [...new Set(about.flatMap(({ limit }) => limit ?? []))]
      if (about.length === 0) return '–'
      const word = about.every(({ limit }) => limit !== undefined) ? 'no' : 'yes'
      return [word, limits.map(markOf).join(' ')].join(' ').trim()
    })
    return `| ${[runtime, ...cells].join(' | ')} |`
  })
  const header = `| ${['', ...COLUMNS.map(({ title }) => title)].join(' | ')} |`
  const rule = `| ${['---', ...COLUMNS.map(() => '---')].join(' | ')} |`
  const footnotes = notes.map((note, i) => `${MARKS[i]} ${note[0]?.toUpperCase()}${note.slice(1)}.`)
  return [[header, rule, ...rows].join('\n'), ...footnotes].join('\n\n')
}

/** Puts a table between its marks. */
export function withTable(readme: string, table: string): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`README.md has no ${BEGIN} before ${END}`)
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table}\n\n${readme.slice(end)}`
}

/** The table that stands in a README. */
export function tableIn(readme: string): string {
  return readme.slice(readme.indexOf(BEGIN) + BEGIN.length, readme.indexOf(END)).trim()
}
