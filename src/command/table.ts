import Table from 'cli-table3'
import { createLogUpdate } from 'log-update'
import type { PartStats, PipelineStats } from '../pipeline.ts'

/** The figures of a run as a table for people. */

const HEAD = ['stage', 'in', 'out', 'rate', 'computes', 'awaits in', 'awaits out']
const NO_LINES = Object.fromEntries(
  ['top', 'bottom', 'left', 'right']
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat('mid', 'mid-mid', 'middle')
    .map((name) => [name, '']),
)

export function tableOf({ parts, bottleneck, elapsedMs }: PipelineStats): string {
  const table = new Table({
    head: HEAD,
    chars: { ...NO_LINES, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: ['left', ...HEAD.slice(1).map(() => 'right' as const)],
  })
  for (const part of parts) table.push(rowOf(part))
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`
  return `${table.toString()}\n${bottleneck === undefined ? seconds : `${seconds}; the others wait for ${bottleneck}`}`
}

function rowOf(part: PartStats): string[] {
  const [first, last] = [part.kind.startsWith('from'), part.kind.startsWith('to')]
  return [
    part.threads > 1 ? `${part.name} × ${part.threads}` : part.name,
    first ? '' : bytes(part.bytesIn),
    last ? '' : bytes(part.bytesOut),
    `${bytes(part.rate)}/s`,
    percent(part.computing),
    percent(part.waitingForInput),
    percent(part.waitingForOutput),
  ]
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

function bytes(n: number): string {
  const power = n < 1 ? 0 : Math.min(Math.floor(Math.log10(n) / 3), UNITS.length - 1)
  return `${(n / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${UNITS[power]}`
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

/** A table that is drawn over itself. */
export class LiveTable {
  readonly #draw: ReturnType<typeof createLogUpdate>

  constructor(stream: NodeJS.WriteStream) {
    // A terminal that does not know its size says 0, which is taken for none.
    this.#draw = createLogUpdate(
      Object.create(stream, {
        columns: { get: () => stream.columns || 80 },
        rows: { get: () => stream.rows || 24 },
      }),
    )
  }

  show(stats: PipelineStats): void {
    this.#draw(tableOf(stats))
  }

  /** Leaves the last one there. */
  done(): void {
    this.#draw.done()
  }
}
