import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as layout from '../src/layout.ts'

const source = readFileSync(new URL('../src/layout.ts', import.meta.url), 'utf8')
const exported = layout as unknown as Record<string, number>

/** The rows of the memory map in the file's comment. */
const rows = [...source.matchAll(/^ \* \| (\d+) {2,4}\| ([^|]+?) +\| ([^|]+?) +\| ([^|]+?) +\|/gm)].map(
  ([, line, names]) => ({ line: Number(line), names: names as string }),
)

const wordRows = rows.flatMap(({ line, names }) =>
  [...names.matchAll(/\b([A-Z][A-Z_]+)\b(?: event)?/g)].map(([match, name]) => ({
    line,
    name: match.endsWith(' event') ? `${name}_EVENT` : (name as string),
    perLine: names.includes('(f)') || names.includes('(n)') ? 8 : 16,
  })),
)

test('the table of the memory map names words that exist, on the lines where they are', () => {
  const known = wordRows.filter(({ name }) => name in exported)
  expect(known.length).toBeGreaterThan(20)
  for (const { line, name, perLine } of known) {
    expect({ name, line: Math.floor((exported[name] as number) / perLine) }).toEqual({ name, line })
  }
  const unknown = wordRows.map(({ name }) => name).filter((name) => !(name in exported))
  // Parts of names that a row gives for several words: "…_PARKS", "…_WAITERS"
  expect(unknown.every((name) => Object.keys(exported).some((key) => key.includes(name.replace(/^_/, ''))))).toBe(true)
})

test('no two words overlap, and the table misses none', () => {
  const words = new Map<number, string>()
  const take = (name: string, word: number, length = 1): void => {
    for (let i = word; i < word + length; i += 1) {
      expect(words.get(i), `${name} and ${words.get(i)} share word ${i}`).toBe(undefined)
      words.set(i, name)
    }
  }
  const floats = ['LEFT', 'WRITTEN', 'WRITES', 'READ', 'READS', 'WRITER_WAIT', 'READER_WAIT']
  const plain = [
    'MAGIC',
    'VERSION',
    'CAPACITY',
    'WINDOW',
    'ERROR_BYTES',
    'HANDOFF',
    'FILLED',
    'CUT_AT',
    'DRAINED',
    'STORED',
    'LENT_TO',
    'WANTED_ROOM',
  ]
  for (const name of floats) take(name, (exported[name] as number) * 2, 2)
  for (const name of [...plain, 'WRITER_PARKS', 'READER_PARKS']) take(name, exported[name] as number)
  take('PAST_END', layout.PAST_END, 2)
  for (const name of ['WRITE_LOCK', 'READ_LOCK']) take(name, exported[name] as number, 4)
  for (const name of ['WRITER_EVENT', 'READER_EVENT', 'WRITER_DONE', 'READER_DONE', 'ABORT_DONE']) {
    take(name, exported[name] as number, 2)
  }
  for (const lock of [layout.WRITE_LOCK, layout.READ_LOCK]) {
    for (let place = 0; place <= layout.MAX_QUEUED; place += 1) take('queue', layout.queueEvent(lock, place), 2)
  }
  for (const holders of [layout.WRITER_HOLDERS, layout.READER_HOLDERS]) {
    take('holders', holders, layout.MAX_HOLDERS * layout.HOLDER_WORDS)
  }
  const firstText = layout.errorOffset(layout.WRITER_DONE, 128) / 4
  expect(Math.max(...words.keys())).toBeLessThan(firstText)
  for (const name of [...floats, ...plain, 'PAST_END'])
    expect(source).toMatch(new RegExp(`^ \\* \\| .*\\b${name}\\b`, 'm'))
})

test('what the writer and the reader write often shares no line', () => {
  const line = (word: number): number => word >> 4
  const lines = [layout.HANDOFF, layout.DRAINED, layout.WRITE_LOCK, layout.READ_LOCK].map(line)
  lines.push(line(layout.WRITER_EVENT), line(layout.READER_EVENT))
  expect(new Set(lines).size).toBe(lines.length)
})

test.each([128, 129, 1000, 4096])('error texts of %i bytes and the window are apart and aligned', (errorBytes) => {
  const offsets = [layout.WRITER_DONE, layout.READER_DONE, layout.ABORT_DONE].map((done) =>
    layout.errorOffset(done, errorBytes),
  )
  const window = layout.windowOffset(errorBytes)
  expect([...offsets, window].every((offset) => offset % 64 === 0)).toBe(true)
  const ends = [...offsets.slice(1), window]
  for (const [i, offset] of offsets.entries()) expect((ends[i] as number) - offset).toBeGreaterThanOrEqual(errorBytes)
})

test('the ring is the power of two that holds the window', () => {
  expect([1, 63, 64, 65, 100, 65536, 2 ** 30].map(layout.ringBytes)).toEqual([64, 64, 64, 128, 128, 65536, 2 ** 30])
})
