import { pipe } from 'threadpipe'
import './page.css'
import { FIELD_BYTES, HEIGHT, PICTURE_BYTES, WIDTH } from './frames.ts'
import { makeKnobs, STAGES, type Stage, setExtraMs, workExtra } from './knobs.ts'
import type { LightTask } from './light.ts'
import { type Reading, type Shares, sharesOf } from './shares.ts'
import type { SourceTask } from './source.ts'

/**
 * A media pipeline in a web page: one Worker makes frames, a second one lights them, and this, the main thread, draws them as they come: both
 * Workers block, this thread awaits. It asks for a frame when the screen is ready for one, so the screen sets the pace of all.
 *
 * `?frames=N` ends after so many frames.
 */

const FIGURES_MS = 500

function element<E extends Element>(selector: string): E {
  const found = document.querySelector<E>(selector)
  if (found === null) throw new Error(`The page has no ${selector}`)
  return found
}

const status = element<HTMLElement>('#status')
const knobsOf = (stage: Stage) => element<HTMLInputElement>(`[data-stage="${stage}"] input`)

function start(): void {
  const asked = Number(new URLSearchParams(location.search).get('frames'))
  const frames = asked > 0 ? asked : Number.POSITIVE_INFINITY
  // First: where there is no shared memory, it says what is to be done.
  const fields = pipe({ window: FIELD_BYTES })
  const pictures = pipe({ window: PICTURE_BYTES })
  const knobs = makeKnobs()

  const source = new Worker(new URL('./source.ts', import.meta.url), { type: 'module', name: 'source' })
  source.postMessage({ output: fields.writer, knobs, frames } satisfies SourceTask)
  const light = new Worker(new URL('./light.ts', import.meta.url), { type: 'module', name: 'light' })
  light.postMessage({ input: fields.reader, output: pictures.writer, knobs } satisfies LightTask)
  // Nobody else tells of a Worker that did not even start.
  for (const worker of [source, light]) {
    worker.onerror = (event) => pictures.writer.abort(new Error(event.message || 'A Worker could not start'))
  }

  for (const stage of STAGES) {
    const knob = knobsOf(stage)
    const turn = (): void => {
      setExtraMs(knobs, stage, knob.valueAsNumber)
      element(`[data-stage="${stage}"] output`).textContent = `+${knob.value} ms`
    }
    knob.addEventListener('input', turn)
    turn()
  }

  let restedMs = 0
  const read = (): Reading => ({
    restedMs,
    atMs: performance.now(),
    fields: fields.reader.stats(),
    pictures: pictures.reader.stats(),
  })
  let last = read()
  setInterval(() => {
    const now = read()
    showFigures(last, now)
    last = now
  }, FIGURES_MS)

  const canvas = element<HTMLCanvasElement>('canvas')
  const context = canvas.getContext('2d')
  if (context === null) throw new Error('The canvas has no 2d context')
  const image = context.createImageData(WIDTH, HEIGHT)

  const draw = async (): Promise<void> => {
    for (let drawn = 0; ; drawn += 1) {
      const restsFromMs = performance.now()
      await nextRefresh()
      restedMs += performance.now() - restsFromMs
      // The picture goes straight into what the canvas takes.
      const n = await pictures.reader.read(image.data)
      if (n === null) break
      workExtra(knobs, 'screen')
      context.putImageData(image, 0, 0)
      canvas.dataset['frames'] = String(drawn + 1)
    }
    status.textContent = 'All frames are drawn.'
  }
  draw().catch((error: Error) => {
    fields.reader.abort(error)
    showFault(`${error.name}: ${error.message}`)
  })
}

function nextRefresh(): Promise<number> {
  return new Promise((resolve) => requestAnimationFrame(resolve))
}

function showFigures(from: Reading, to: Reading): void {
  const shares = sharesOf(from, to)
  for (const stage of STAGES) showShares(stage, shares[stage])
  const seconds = (to.atMs - from.atMs) / 1000
  for (const pipe of ['fields', 'pictures'] as const) {
    const megabytes = (to[pipe].bytesRead - from[pipe].bytesRead) / 1e6 / seconds
    element(`[data-pipe="${pipe}"]`).textContent = `${megabytes.toFixed(1)} MB/s`
  }
  const frames = (to.pictures.writes - from.pictures.writes) / seconds
  element('#rate').textContent = frames.toFixed(0)
  element('#total').textContent = ((to.fields.bytesRead + to.pictures.bytesRead) / 1e6).toFixed(0)
}

const OTHERS: Record<Stage, { before?: string; behind: string }> = {
  source: { behind: 'light' },
  light: { before: 'source', behind: 'screen' },
  screen: { before: 'light', behind: 'display' },
}

function showShares(stage: Stage, shares: Shares): void {
  const card = element<HTMLElement>(`[data-stage="${stage}"]`)
  const others = OTHERS[stage]
  for (const part of ['before', 'working', 'behind'] as const) {
    const percent = Math.round(100 * shares[part])
    card.querySelector<HTMLElement>(`.${part}`)?.style.setProperty('flex-grow', String(shares[part]))
    card.dataset[part] = String(percent)
  }
  const waits = (['before', 'behind'] as const)
    .filter((part) => others[part] !== undefined)
    .map((part) => `${Math.round(100 * shares[part])} % for ${others[part]}`)
  element(`[data-stage="${stage}"] .words`).textContent = `waits ${waits.join(', ')}`
}

function showFault(words: string): void {
  status.textContent = words
  status.classList.add('fault')
}

try {
  start()
} catch (error) {
  showFault((error as Error).message)
}
