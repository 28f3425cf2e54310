import { crowd } from '../contestant.ts'
import type { Point } from '../report.ts'
import type { Scenario } from '../scenario.ts'
import { blocking } from '../transports/threadpipe.ts'

const COUNTS = [1, 2, 4, 8]
const SIZE = 64

/** Many writers and many readers of one pipe. */
export const contention: Scenario = {
  name: 'contention',
  title: `Writers × readers of one pipe, ${SIZE} bytes at a time`,
  unit: 'ns per send, of all senders together',
  effort: { rounds: 5, roundMs: 150, warmUpMs: 150 },
  by: 'writers × readers',
  setups: COUNTS.flatMap((writers) =>
    COUNTS.map((readers) => ({
      label: `${writers} × ${readers}`,
      start: async () => [await crowd(blocking, SIZE, writers, readers)],
    })),
  ),
  summary: (points) =>
    [
      'How much the slowest sender sent, as a share of what the fastest one did.',
      '',
      `| writers × readers | the slowest beside the fastest |`,
      '| --- | ---: |',
      ...points
        .filter(({ label }) => !label.startsWith('1 ×'))
        .map((point) => `| ${point.label} | ${fairness(point)} |`),
    ].join('\n'),
}

function fairness({ figures }: Point): string {
  return figures[0]?.fairness?.toFixed(2) ?? '–'
}
