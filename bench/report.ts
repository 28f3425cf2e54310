import type { Missing } from './contestant.ts'
import type { Machine } from './machine.ts'
import type { Figure } from './measure.ts'
import type { Scenario } from './scenario.ts'

/** What came of a scenario. */
export interface Result {
  scenario: string
  title: string
  unit: string
  by: string
  machine: Machine
  points: Point[]
}

export interface Point {
  label: string
  figures: Figure[]
  missing: Missing[]
}

const KIB = 1024

export function sizeName(bytes: number): string {
  if (bytes >= KIB * KIB) return `${bytes / KIB / KIB} MiB`
  return bytes >= KIB ? `${bytes / KIB} KiB` : `${bytes} B`
}

/** A number with three digits that matter. */
export function figureText(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(value, 1e-9))))
  return value.toLocaleString('en', { maximumFractionDigits: digits, maximumSignificantDigits: value >= 1000 ? 4 : 3 })
}

/** Half of the range of all rounds, as a share of the median. */
function spread({ least, median, most }: Figure): string {
  if (most === least) return '±0 %'
  return `±${Math.round((50 * (most - least)) / median)} %`
}

/** A table of Markdown: a row for each size, a column for each contestant; the first contestant's figure, and the others' as multiples of it. */
export function table({ title, unit, by, points }: Pick<Result, 'title' | 'unit' | 'by' | 'points'>): string {
  const names = [...new Set(points.flatMap(({ figures }) => figures.map(({ name }) => name)))]
  const rows = points.map(({ label, figures }) => {
    const own = figures[0] as Figure
    const cells = names.map((name, i) => {
      const figure = figures.find((figure) => figure.name === name)
      if (figure === undefined) return '–'
      const value = `${figureText(figure.median)} ${spread(figure)}`
      return i === 0 ? value : `${value} (${(figure.median / own.median).toFixed(2)} ×)`
    })
    return `| ${[label, ...cells].join(' | ')} |`
  })
  const missing = new Map(points.flatMap(({ missing }) => missing.map(({ name, missing }) => [name, missing])))
  return [
    `${title}: ${unit}, median of the rounds, half of their range, and as a multiple of the first column.`,
    '',
    `| ${[by, ...names].join(' | ')} |`,
    `| ${['---', ...names.map(() => '---:')].join(' | ')} |`,
    ...rows,
    ...[...missing].map(([name, why]) => `\n${name} is missing: ${why}.`),
  ].join('\n')
}

export function machineText({ processor, cores, memoryGiB, system, node, c, go, commit, date, load }: Machine): string {
  return `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}, Node ${node}, ${c}, ${go}; commit ${commit}, ${date}, load ${load}.`
}

export function resultOf({ name, title, unit, by }: Scenario, machine: Machine, points: Point[]): Result {
  return { scenario: name, title, unit, by, machine, points }
}
