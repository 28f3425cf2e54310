import { createRequire } from 'node:module'
import { createCanvas, GlobalFonts, type SKRSContext2D } from '@napi-rs/canvas'
import { colorOf } from './colors.ts'
import type { Loudness } from './loudness.ts'
import type { Measures } from './master.ts'
import type { Spectrogram } from './spectrogram.ts'

/** Where something is drawn, in pixels. */
interface Box {
  x: number
  y: number
  width: number
  height: number
}

export interface Caption {
  title: string
  subtitle: string
  /** How long the sound is. */
  seconds: number
}

const [WIDTH, HEIGHT] = [1400, 780]
/** Pixels for each unit of the drawing, so that it is sharp on good screens. */
const SCALE = 1.5
const SPECTROGRAM: Box = { x: 84, y: 96, width: 1206, height: 470 }
const LOUDNESS: Box = { x: 84, y: 606, width: 1206, height: 110 }
const COLORS: Box = { x: 1312, y: 96, width: 14, height: 470 }

const [INK, FAINT, LINE, PAPER] = ['#1f2328', '#59636e', '#d1d9e0', '#ffffff']
const [AREA, MEAN] = ['#4f5bd5', '#c2255c']
const FAMILY = 'Inter for pictures'

/** What the colours tell apart, in dB, and what the curve does, in LUFS. */
const RANGE_DB = 90
const SHADES = 255
const QUIETEST_DB = -140
const [QUIETEST, LOUDEST] = [-50, 0]
const FREQUENCIES = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000]
const SECONDS_STEPS = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600]
const MAX_STEPS = 13

let fontsLoaded = false

/** Draws what was measured of some sound. @returns a PNG file */
export function picture({ spectrogram, loudness }: Measures, { title, subtitle, seconds }: Caption): Buffer {
  loadFonts()
  const canvas = createCanvas(WIDTH * SCALE, HEIGHT * SCALE)
  const context = canvas.getContext('2d')
  context.scale(SCALE, SCALE)
  context.fillStyle = PAPER
  context.fillRect(0, 0, WIDTH, HEIGHT)
  text(context, title, SPECTROGRAM.x, 44, { size: 22, weight: 600 })
  text(context, subtitle, SPECTROGRAM.x, 72, { size: 14, color: FAINT })

  const topDb = 10 * Math.ceil(decibels(highest(spectrogram.powers)) / 10)
  drawSpectrogram(context, spectrogram, seconds, topDb)
  drawColors(context, topDb)
  drawLoudness(context, loudness, seconds)
  for (const box of [SPECTROGRAM, LOUDNESS]) drawTimes(context, box, seconds, box === LOUDNESS)
  return canvas.toBuffer('image/png')
}

function drawSpectrogram(context: SKRSContext2D, spectrogram: Spectrogram, seconds: number, topDb: number): void {
  const { bands, columns, startSeconds, secondsPerColumn, powers } = spectrogram
  const rows = bands.length
  const image = createCanvas(columns, rows)
  const pixels = image.getContext('2d').createImageData(columns, rows)
  const colors = Array.from({ length: SHADES + 1 }, (_, i) => Uint8Array.of(...colorOf(i / SHADES), 255))
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < rows; row += 1) {
      const level = decibels(powers[column * rows + (rows - 1 - row)] as number)
      const share = Math.min(1, Math.max(0, 1 + (level - topDb) / RANGE_DB))
      pixels.data.set(colors[Math.round(share * SHADES)] as Uint8Array, 4 * (row * columns + column))
    }
  }
  image.getContext('2d').putImageData(pixels, 0, 0)

  const { x, y, width, height } = SPECTROGRAM
  const toPixels = width / seconds
  context.save()
  context.beginPath()
  context.rect(x, y, width, height)
  context.clip()
  context.fillStyle = `rgb(${colorOf(0).join()})`
  context.fillRect(x, y, width, height)
  context.drawImage(image, x + startSeconds * toPixels, y, columns * secondsPerColumn * toPixels, height)
  context.restore()

  const [first, last] = [bands[0] as number, bands[rows - 1] as number]
  for (const hz of FREQUENCIES) {
    if (hz < first || hz > 1.01 * last) continue
    const at = y + height * (1 - Math.log(hz / first) / Math.log(last / first))
    tick(context, x, at, hz < 1000 ? `${hz}` : `${hz / 1000}k`)
  }
  axisTitle(context, 'Frequency (Hz)', SPECTROGRAM)
}

function drawColors(context: SKRSContext2D, topDb: number): void {
  const { x, y, width, height } = COLORS
  for (let i = 0; i < height * SCALE; i += 1) {
    context.fillStyle = `rgb(${colorOf(1 - i / (height * SCALE)).join()})`
    context.fillRect(x, y + i / SCALE, width, 1 / SCALE)
  }
  for (let db = 0; db <= RANGE_DB; db += 10) {
    const at = y + (height * db) / RANGE_DB
    text(context, minus(topDb - db), x + width + 8, at + 4, { size: 12, color: FAINT })
  }
  text(context, 'dBFS', x - 4, y - 10, { size: 12, color: FAINT })
}

function drawLoudness(context: SKRSContext2D, { integrated, momentary }: Loudness, seconds: number): void {
  const { x, y, width, height } = LOUDNESS
  const heightOf = (loudness: number): number => {
    const share = (Math.max(QUIETEST, Math.min(LOUDEST, loudness)) - QUIETEST) / (LOUDEST - QUIETEST)
    return y + height * (1 - share)
  }
  for (const loudness of [-40, -30, -20, -10]) {
    line(context, x, heightOf(loudness), x + width, heightOf(loudness), LINE)
    tick(context, x, heightOf(loudness), minus(loudness))
  }
  // Each is of the 400 ms up to its time, the first of them whole.
  const timeOf = (i: number): number => x + (width * Math.min(seconds, 0.2 + i / 10)) / seconds
  const curve = (): void => {
    context.beginPath()
    momentary.forEach((loudness, i) => {
      context.lineTo(timeOf(i), heightOf(loudness))
    })
  }
  curve()
  context.lineTo(timeOf(momentary.length - 1), y + height)
  context.lineTo(timeOf(0), y + height)
  context.fillStyle = `${AREA}33`
  context.fill()
  curve()
  context.strokeStyle = AREA
  context.lineWidth = 1.5
  context.stroke()
  if (integrated > QUIETEST) {
    context.setLineDash([5, 4])
    line(context, x, heightOf(integrated), x + width, heightOf(integrated), MEAN, 1.5)
    context.setLineDash([])
    text(context, minus(Number(integrated.toFixed(1))), x + width + 8, heightOf(integrated) + 4, {
      size: 12,
      weight: 600,
      color: MEAN,
    })
  }
  axisTitle(context, 'LUFS', LOUDNESS)
}

function drawTimes(context: SKRSContext2D, box: Box, seconds: number, labelled: boolean): void {
  const { x, y, width, height } = box
  context.strokeStyle = LINE
  context.lineWidth = 1
  context.strokeRect(x, y, width, height)
  const step = SECONDS_STEPS.find((step) => seconds / step <= MAX_STEPS) ?? seconds
  for (let time = 0; time <= seconds; time += step) {
    const at = x + (width * time) / seconds
    line(context, at, y + height, at, y + height + 5, FAINT)
    if (labelled) text(context, clock(time), at, y + height + 21, { size: 12, color: FAINT, align: 'center' })
  }
  if (labelled) {
    text(context, 'Time (min:s)', x + width / 2, y + height + 44, { size: 13, color: FAINT, align: 'center' })
  }
}

interface TextStyle {
  size: number
  weight?: 400 | 600
  color?: string
  align?: 'left' | 'center' | 'right'
}

function text(context: SKRSContext2D, words: string, x: number, y: number, style: TextStyle): void {
  const { size, weight = 400, color = INK, align = 'left' } = style
  context.font = `${weight} ${size}px "${FAMILY}"`
  context.fillStyle = color
  context.textAlign = align
  context.fillText(words, x, y)
}

function tick(context: SKRSContext2D, x: number, y: number, words: string): void {
  line(context, x - 5, y, x, y, FAINT)
  text(context, words, x - 10, y + 4, { size: 12, color: FAINT, align: 'right' })
}

function axisTitle(context: SKRSContext2D, words: string, { x, y, height }: Box): void {
  context.save()
  context.translate(x - 58, y + height / 2)
  context.rotate(-Math.PI / 2)
  text(context, words, 0, 0, { size: 13, color: FAINT, align: 'center' })
  context.restore()
}

function line(
  context: SKRSContext2D,
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
  color: string,
  width = 1,
): void {
  context.strokeStyle = color
  context.lineWidth = width
  context.beginPath()
  context.moveTo(fromX, fromY)
  context.lineTo(toX, toY)
  context.stroke()
}

function highest(powers: Float32Array): number {
  return powers.reduce((most, power) => Math.max(most, power), 0)
}

/** Silence is quiet, not minus infinity. */
function decibels(power: number): number {
  return Math.max(QUIETEST_DB, 10 * Math.log10(power))
}

/** A number with a real minus. */
function minus(value: number): string {
  return `${value}`.replace('-', '−')
}

function clock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** The machine may have no fonts: these come with a package. */
function loadFonts(): void {
  if (fontsLoaded) return
  const { resolve } = createRequire(import.meta.url)
  for (const weight of [400, 600]) {
    GlobalFonts.registerFromPath(resolve(`@fontsource/inter/files/inter-latin-${weight}-normal.woff2`), FAMILY)
  }
  fontsLoaded = true
}
