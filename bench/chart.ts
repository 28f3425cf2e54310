import * as echarts from 'echarts'
import type { Point, Result } from './report.ts'

/** At least as many as a chart has lines: a colour that comes twice tells nothing. */
const COLORS = [
  '#2f5bd7',
  '#91c11e',
  '#4c4b6e',
  '#ff8a3d',
  '#07a2c4',
  '#f2c200',
  '#f0507f',
  '#7a4fc4',
  '#2eaf7d',
  '#a0522d',
  '#8c98a4',
  '#c40fbf',
  '#006d5b',
]

/** Lines of a chart, each with a value for each setup. */
export interface Drawn {
  readonly unit: string
  /** The upper end of an axis from 0 on, unless a value lies above it; without it the axis is logarithmic. */
  readonly most?: number
  readonly lines: readonly { readonly name: string; readonly values: readonly number[] }[]
}

/** The figures themselves. */
function figuresOf({ unit, points }: Result): Drawn {
  const names = [...new Set(points.flatMap(({ figures }) => figures.map(({ name }) => name)))]
  const medianOf = (name: string, { figures }: Point): number =>
    figures.find((figure) => figure.name === name)?.median ?? Number.NaN
  return { unit, lines: names.map((name) => ({ name, values: points.map((point) => medianOf(name, point)) })) }
}

/** A chart of a result: a line for each contestant. */
export function chart(result: Result, { unit, most, lines }: Drawn = figuresOf(result)): string {
  const { title, by, points, machine } = result
  if (lines.length > COLORS.length) throw new RangeError(`${lines.length} lines, and ${COLORS.length} colours for them`)
  const [width, height] = [1080, 560]
  const view = echarts.init(null, null, { renderer: 'svg', ssr: true, width, height })
  view.setOption({
    animation: false,
    backgroundColor: '#fff',
    title: {
      text: title,
      subtext: `${unit}; ${machine.processor}, ${machine.cores} cores, Node ${machine.node}`,
      left: 'center',
    },
    color: COLORS,
    legend: { orient: 'vertical', left: 745, top: 90 },
    grid: { left: 90, right: 350, top: 80, bottom: 60 },
    xAxis: {
      type: 'category',
      name: by,
      nameLocation: 'middle',
      nameGap: 30,
      data: points.map(({ label }) => label),
    },
    yAxis: {
      ...(most === undefined
        ? { type: 'log', minorSplitLine: { show: true } }
        : { type: 'value', min: 0, max: ({ max }: { max: number }) => Math.max(most, max) }),
      name: unit,
      nameLocation: 'middle',
      nameGap: 55,
    },
    series: lines.map(({ name, values }, i) => ({
      name,
      type: 'line',
      symbolSize: 7,
      lineStyle: { width: i === 0 ? 4 : 2 },
      data: values.map((value) => (Number.isNaN(value) ? null : value)),
    })),
  })
  const svg = view.renderToSVGString()
  view.dispose()
  return svg
}
