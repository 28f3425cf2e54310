/** What the page tells its Workers while they run: by shared memory, since they block and take no message. */

/** Words: ms that each stage spends on top of its work, per frame. */
export const STAGES = ['source', 'light', 'screen'] as const
export type Stage = (typeof STAGES)[number]

export type Knobs = Int32Array<SharedArrayBuffer>

export function makeKnobs(): Knobs {
  return new Int32Array(new SharedArrayBuffer(STAGES.length * Int32Array.BYTES_PER_ELEMENT))
}

export function setExtraMs(knobs: Knobs, stage: Stage, ms: number): void {
  Atomics.store(knobs, STAGES.indexOf(stage), ms)
}

/** Makes a stage as slow as its knob says, by work that is good for nothing. */
export function workExtra(knobs: Knobs, stage: Stage): void {
  const untilMs = performance.now() + Atomics.load(knobs, STAGES.indexOf(stage))
  while (performance.now() < untilMs);
}
