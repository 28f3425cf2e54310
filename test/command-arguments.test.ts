import { describe, expect, test } from 'vitest'
import { parseArguments } from '../src/command/arguments.ts'
import { partsOf } from '../src/command/stages.ts'
import { UsageError } from '../src/command/usage.ts'

const NOTHING = {
  show: undefined,
  source: undefined,
  target: undefined,
  threads: undefined,
  chunk: undefined,
  capacity: undefined,
  progress: undefined,
  stats: false,
}

describe('arguments', () => {
  test.each([
    [['gzip'], { stages: ['gzip'] }],
    [['--in', 'a', '--out=b', 'x.js', 'y.js'], { source: 'a', target: 'b', stages: ['x.js', 'y.js'] }],
    [['--in', '-', '--out', '-', 'gzip'], { stages: ['gzip'] }],
    [
      ['gzip', '--threads', '3', '--chunk', '64k', '--capacity', '0'],
      { stages: ['gzip'], threads: 3, chunk: 65_536, capacity: 0 },
    ],
    [['gzip', '--chunk', '1G', '--capacity', '1M'], { stages: ['gzip'], chunk: 2 ** 30, capacity: 2 ** 20 }],
    [['gzip', '--no-progress'], { stages: ['gzip'], progress: false }],
    [['gzip', '--progress', '--stats', 'json'], { stages: ['gzip'], progress: true, stats: true }],
    [['--', '--in', '-'], { stages: ['--in', '-'] }],
    [['-h'], { stages: [], show: 'help' }],
    [['--version', 'gzip'], { stages: ['gzip'], show: 'version' }],
  ])('%j', (args, expected) => {
    expect(parseArguments(args)).toEqual({ ...NOTHING, ...expected })
  })

  test.each([
    [[], /at least 1 stage, not 0/],
    [['--bogus', 'gzip'], /Unknown option '--bogus'$/],
    [['gzip', '--in'], /'--in <value>' argument missing$/],
    [['gzip', '--progress=yes'], /'--progress' does not take an argument$/],
    [['gzip', '--threads', 'x'], /--threads takes a whole number from 1 to 1024, not 'x'$/],
    [['gzip', '--threads', '0'], /--threads takes .*, not '0'$/],
    [['gzip', '--threads', '1K'], /--threads takes .*, not '1K'$/],
    [['gzip', '--chunk', '1.5M'], /--chunk takes .*, not '1.5M'$/],
    [['gzip', '--chunk', '2G'], /--chunk takes .* from 1 to 1073741824, not '2G'$/],
    [['gzip', '--chunk', ''], /--chunk takes .*, not ''$/],
    [['gzip', '--capacity=-1'], /--capacity takes .* from 0 to 1073741824, not '-1'$/],
    [['gzip', '--stats', 'xml'], /--stats takes json, not 'xml'$/],
    [['gzip', '--out', ''], /--out takes the name of a file, not an empty one$/],
  ])('%j are wrong use', (args, message) => {
    expect(() => parseArguments(args)).toThrow(UsageError)
    expect(() => parseArguments(args)).toThrow(message)
  })
})

describe('stages', () => {
  const settings = { threads: 2, chunk: undefined, sourceName: '-', print: true }

  test.each([
    ['gzip', [['parallel', 'gzip']]],
    ['./gzip', [['stage', 'gzip']]],
    [
      'brotli',
      [
        ['parallel', 'brotli'],
        ['stage', 'brotli end'],
      ],
    ],
    ['some/where.mjs', [['stage', 'where']]],
    ['parallel:some/where.mjs', [['parallel', 'where']]],
    [`exec:/bin/sed 's/a b/c/' "x y"`, [['exec', 'sed']]],
  ])('%s', (text, expected) => {
    expect(partsOf(text, settings).map(({ kind, name }) => [kind, name])).toEqual(expected)
  })

  test.each([
    ['exec:', /'exec:' names no command/],
    ['exec:  ', /names no command/],
    ['parallel:', /'parallel:' names no module/],
    ['', /'' names no module/],
  ])("'%s' is wrong use", (text, message) => {
    expect(() => partsOf(text, settings)).toThrow(UsageError)
    expect(() => partsOf(text, settings)).toThrow(message)
  })
})
