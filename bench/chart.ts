import * as echarts from 'echarts'
import type { Result } from './report.ts'

/** As many as there are contestants anywhere: a colour that comes twice tells nothing. */
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

/** A chart of a result: a line for each contestant, both axes logarithmic. */
export function chart({ title, unit, by, points, machine }: Result): string {
  const names = [...new Set(points.flatMap(({ figures }) => figures.map(({ name }) => name)))]
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
    yAxis: { type: 'log', name: unit, nameLocation: 'middle', nameGap: 55, minorSplitLine: { show: true } },
    series: names.map((name, i) => ({
      name,
      type: 'line',
      symbolSize: 7,
      lineStyle: { width: i === 0 ? 4 : 2 },
      data: points.map(({ figures }) => figures.find((figure) => figure.name === name)?.median ?? null),
    })),
  })
  const svg = view.renderToSVGString()
  view.dispose()
  return svg
}
