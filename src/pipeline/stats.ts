import type { PipeReader } from '../core.ts'
import type { PartPlan } from './parts.ts'

/** What a part has done, and whom it has waited for. */
export interface PartStats {
  /** What errors and figures call the part. */
  readonly name: string
  /** What has made it: `stage`, `parallel`… */
  readonly kind: PartPlan['kind']
  /** Where it is; `finished` also where it has failed. */
  readonly state: 'starting' | 'running' | 'finished'
  /** How many threads share its work; 0 for a child process and for what the event loop serves. */
  readonly threads: number
  /** Bytes it has taken from the part before it. */
  readonly bytesIn: number
  /** Bytes it has given to the part after it. */
  readonly bytesOut: number
  /** Bytes a second since the pipeline began: of its input, or of its output if it has no input. */
  readonly rate: number
  /** Shares of its time so far, from 0 to 1, which make 1 together: what is not waiting counts as computing. */
  readonly computing: number
  /** The share of its time that it has waited for the part before it. */
  readonly waitingForInput: number
  /** The share of its time that it has waited for the part after it. */
  readonly waitingForOutput: number
}

/** What all parts of a run have done so far. */
export interface PipelineStats {
  /** Since the first byte could flow, in ms; 0 until then. */
  readonly elapsedMs: number
  /** One for each part, in their order. */
  readonly parts: readonly PartStats[]
  /** The name of the part that the others wait for: that which has computed for the longest time. Undefined until something has run. */
  readonly bottleneck: string | undefined
}

/** Where the figures of a part come from: the counts that its pipes keep anyway. */
export interface PartGauge {
  readonly plan: PartPlan
  readonly threads: number
  /** Undefined for what comes first. */
  readonly input: PipeReader | undefined
  /** Undefined for what comes last. */
  readonly output: PipeReader | undefined
  /** Pipes within the part that its threads wait at, too, for input, or instead, for the output. */
  readonly innerInputs: readonly PipeReader[]
  readonly innerOutputs: readonly PipeReader[]
  /** When it ended, in ms of this thread's clock; undefined while it has not. */
  endedMs: number | undefined
}

/** What all the parts have done, at the moment `nowMs` of a run that began at `startedMs`. */
export function measure(gauges: readonly PartGauge[], startedMs: number | undefined, nowMs: number): PipelineStats {
  const elapsedMs = startedMs === undefined ? 0 : nowMs - startedMs
  let bottleneck: string | undefined
  let longestMs = 0
  const parts = gauges.map((gauge) => {
    const lastedMs = startedMs === undefined ? 0 : Math.max(0, (gauge.endedMs ?? nowMs) - startedMs)
    const stats = measurePart(gauge, lastedMs)
    if (stats.computing * lastedMs > longestMs) {
      longestMs = stats.computing * lastedMs
      bottleneck = stats.name
    }
    return stats
  })
  return { elapsedMs, parts, bottleneck }
}

function measurePart(gauge: PartGauge, lastedMs: number): PartStats {
  const { plan, threads, input, output, innerInputs, innerOutputs } = gauge
  const bytesIn = input?.stats().bytesRead ?? 0
  const bytesOut = output?.stats().bytesWritten ?? 0
  // A part of many threads has as much time as all of them.
  const timeMs = lastedMs * Math.max(1, threads)
  const inputs = input === undefined ? innerInputs : [input, ...innerInputs]
  const outputs = innerOutputs.length > 0 || output === undefined ? innerOutputs : [output]
  const share = (waitedMs: number, most: number): number => (timeMs === 0 ? 0 : Math.min(most, waitedMs / timeMs))
  const waitingForInput = share(sum(inputs, 'readerWaitMs'), 1)
  const waitingForOutput = share(sum(outputs, 'writerWaitMs'), 1 - waitingForInput)
  return {
    name: plan.name,
    kind: plan.kind,
    state: gauge.endedMs !== undefined ? 'finished' : lastedMs > 0 ? 'running' : 'starting',
    threads,
    bytesIn,
    bytesOut,
    rate: lastedMs === 0 ? 0 : ((input === undefined ? bytesOut : bytesIn) * 1000) / lastedMs,
    computing: timeMs === 0 ? 0 : 1 - waitingForInput - waitingForOutput,
    waitingForInput,
    waitingForOutput,
  }
}

function sum(pipes: readonly PipeReader[], wait: 'readerWaitMs' | 'writerWaitMs'): number {
  return pipes.reduce((total, pipe) => total + pipe.stats()[wait], 0)
}
