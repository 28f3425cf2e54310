import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Piscina } from 'piscina'
import { afterEach, describe, expect, test } from 'vitest'
import { folder } from './support/folder.ts'
import {
  consume,
  exec,
  failureOfRun,
  fromFile,
  inline,
  inlineParallel,
  PipelineError,
  parallel,
  pass,
  pipeline,
  produce,
  produceForEver,
  stage,
  toFile,
} from './support/stages.ts'
import { until } from './support/threads.ts'

const { path, left } = folder()
const MIB = 1024 * 1024
writeFileSync(path('source'), Buffer.alloc(8 * MIB, 7))

/** Nothing of a run is left: no file, and the next one finds everything in order. */
afterEach(async () => {
  expect(left().filter((name) => name.includes('.part') || name === 'never')).toEqual([])
})

describe('a stage that throws', () => {
  test('ends its neighbours both ways, and is the first cause', async () => {
    const bad = inline('bad', ({ input }) => {
      input.readSync(new Uint8Array(10))
      throw Object.assign(new RangeError('no more'), { code: 'E_BAD', detail: { n: 3 } })
    })
    const error = await failureOfRun(
      pipeline([fromFile(path('source')), pass('above'), bad, pass('below'), toFile(path('never'))]),
    )
    expect(error).toBeInstanceOf(PipelineError)
    expect(error).toMatchObject({ message: 'bad: no more', part: 'bad', index: 2, code: 'E_BAD' })
    expect(error.cause).toBeInstanceOf(RangeError)
    expect(error.cause).toMatchObject({ message: 'no more', code: 'E_BAD', detail: { n: 3 } })
  })

  test.each([
    [
      'with a cause',
      () => {
        throw new Error('outer', { cause: new TypeError('inner') })
      },
      { message: 'outer', cause: { message: 'inner' } },
    ],
    [
      'what is no error',
      () => {
        throw 'a text'
      },
      { message: 'threw what is no error: a text' },
    ],
    [
      'later',
      async () => {
        await null
        throw new SyntaxError('late')
      },
      { message: 'late', name: 'SyntaxError' },
    ],
  ])('%s', async (_, body, cause) => {
    expect(await failureOfRun(pipeline([produce(MIB), inline('bad', body), consume()]))).toMatchObject({
      part: 'bad',
      cause,
    })
  })

  test('in one of the threads of a parallel', async () => {
    const bad = inlineParallel(
      'bad',
      (chunk, index) => {
        if (index === 5) throw new Error('the sixth')
        return chunk
      },
      { threads: 3, chunk: 1000 },
    )
    expect(await failureOfRun(pipeline([produceForEver(), bad, consume()]))).toMatchObject({
      message: 'bad: the sixth',
    })
  })

  test('while others compute on: they are ended', async () => {
    const busy = inline('busy', () => {
      for (;;);
    })
    const bad = inline('bad', () => {
      throw new Error('now')
    })
    expect(await failureOfRun(pipeline([busy, bad, consume()]))).toMatchObject({ message: 'bad: now' })
  })

  test('when others only tell of it: by their own names, by closing', async () => {
    const above = inline('above', ({ output }) => {
      try {
        for (;;) output.writeSync(new Uint8Array(1000))
      } catch (error) {
        throw new Error('my own words', { cause: error })
      }
    })
    const bad = inline('bad', ({ input, output }) => {
      input.readSync(new Uint8Array(1))
      output.closeWithError(new Error('said to the pipe'))
    })
    const below = inline('below', ({ input }) => {
      try {
        input.readSync(new Uint8Array(1))
      } catch {}
    })
    expect(await failureOfRun(pipeline([above, bad, below]))).toMatchObject({ message: 'bad: said to the pipe' })
  })
})

describe('a stage that ends early ends those above it quietly', () => {
  const head = () => inline('head', ({ input }) => input.readSync(new Uint8Array(10)))

  test('stages that write on without end', async () => {
    const first = inline(
      'first',
      ({ input, output }) => void output.writeSync(new Uint8Array(input.readSync(new Uint8Array(10)) ?? 0)),
    )
    const { values } = await pipeline([produceForEver(), pass(), first, consume()]).finished
    expect(values[3]).toMatchObject({ bytes: 10 })
  })

  test.each([
    ['that closes in a finally', `finally { output.close() }`],
    [
      'that tells both pipes',
      `catch (error) { output.closeWithError(error); input.closeWithError(error); throw error }`,
    ],
    [
      'that tells both pipes, the other way round',
      `catch (error) { input.closeWithError(error); output.closeWithError(error) }`,
    ],
  ])('a stage %s', async (_, end) => {
    const module = `export default ({ input, output }) => {
      const piece = new Uint8Array(1000)
      try { for (;;) output.writeSync(piece.subarray(0, input.readSync(piece))) } ${end}
    }`
    const careful = stage(`data:text/javascript,${encodeURIComponent(module)}`, { name: 'careful' })
    expect((await pipeline([produceForEver(), careful, head()]).finished).values[2]).toBe(10)
  })

  test('a parallel, a child process, a file', async () => {
    const same = inlineParallel('same', (chunk) => chunk, { threads: 2, chunk: 1000 })
    expect((await pipeline([produceForEver(), same, head()]).finished).values[2]).toBe(10)
    expect((await pipeline([exec('yes'), exec('cat'), head()]).finished).values[2]).toBe(10)
    expect((await pipeline([fromFile('/dev/zero'), head()]).finished).values[1]).toBe(10)
    expect((await pipeline([produceForEver(), exec('head', ['-c', '9']), head()]).finished).values[2]).toBe(9)
  })

  test('one that does not read at all', async () => {
    const idle = inline('idle', () => 'nothing')
    expect((await pipeline([produceForEver(), pass(), idle]).finished).values[2]).toBe('nothing')
  })
})

describe('threads that die', () => {
  test('by process.exit', async () => {
    const dying = inline('dying', ({ input }) => {
      input.readSync(new Uint8Array(10))
      process.exit(7)
    })
    expect(await failureOfRun(pipeline([produceForEver(), dying, consume()]))).toMatchObject({
      message: 'dying: its thread exited with code 7 before its end',
      part: 'dying',
    })
  })

  test('by an error that nothing catches', async () => {
    const dying = inline('dying', async () => {
      setTimeout(() => {
        throw new Error('out of the blue')
      })
      await new Promise(() => setInterval(() => {}, 1000))
    })
    expect(await failureOfRun(pipeline([produceForEver(), dying, consume()]))).toMatchObject({
      message: 'dying: out of the blue',
    })
  })

  test('by want of memory', async () => {
    const pool = new Piscina({ maxThreads: 3, resourceLimits: { maxOldGenerationSizeMb: 30 } })
    try {
      const greedy = inline('greedy', () => {
        const all: unknown[] = []
        for (;;) all.push(new Array(10_000).fill(0).map((_, i) => ({ i })))
      })
      expect(await failureOfRun(pipeline([produceForEver(), greedy, consume()], { pool }))).toMatchObject({
        message: expect.stringMatching(/^greedy: .*memory/),
        code: 'ERR_WORKER_OUT_OF_MEMORY',
      })
    } finally {
      await pool.destroy()
    }
  })

  test('one of a parallel, and none is left waiting', async () => {
    const dying = inlineParallel(
      'dying',
      (chunk, index) => {
        if (index === 4) process.exit(3)
        return chunk
      },
      { threads: 3, chunk: 1000 },
    )
    expect(await failureOfRun(pipeline([produceForEver(), dying, consume()]))).toMatchObject({ part: 'dying' })
  })
})

describe('a run that is called off', () => {
  const stuck = [
    [
      'blocked in a read',
      [inline('quiet', async () => new Promise(() => setInterval(() => {}, 1000))), pass('stuck'), consume()],
    ],
    [
      'blocked in a write',
      [produceForEver(), pass('stuck'), inline('deaf', () => new Promise(() => setInterval(() => {}, 1000)))],
    ],
    [
      'computing for ever',
      [
        inline('busy', () => {
          for (;;);
        }),
        consume(),
      ],
    ],
    ['with a child process', [exec('sh', ['-c', 'trap "" TERM; while true; do sleep 1; done']), consume()]],
    [
      'in a parallel',
      [
        produceForEver(),
        inlineParallel(
          'busy',
          () => {
            for (;;);
          },
          { threads: 2 },
        ),
        consume(),
      ],
    ],
    ['with a file', [produceForEver(), pass(), toFile(path('never'))]],
  ] as const

  test.each(stuck)('%s ends within 100 ms', async (_, parts) => {
    const run = pipeline(parts)
    await until(() => run.stats().parts.every(({ state }) => state === 'running') && run.stats().elapsedMs > 20)
    const startedMs = performance.now()
    run.abort(new RangeError('enough'))
    const error = await failureOfRun(run)
    expect(error).toMatchObject({ name: 'RangeError', message: 'enough' })
    // 100 ms, and what a machine with more to do than cores may add.
    expect(performance.now() - startedMs).toBeLessThan(100 + 400)
  })

  test('by a signal, with its reason', async () => {
    const controller = new AbortController()
    const run = pipeline([produceForEver(), consume()], { signal: controller.signal })
    await until(() => run.stats().elapsedMs > 0)
    controller.abort('a reason')
    expect(await failureOfRun(run)).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'a reason' })
    expect(await failureOfRun(pipeline([consume()], { signal: controller.signal }))).toMatchObject({
      cause: 'a reason',
    })
  })

  test('at once, before it has begun; and after its end, which changes nothing', async () => {
    const early = pipeline([produceForEver(), consume()])
    early.abort()
    expect(await failureOfRun(early)).toMatchObject({ name: 'AbortError' })
    const late = pipeline([produce(1), consume()])
    await late.finished
    late.abort()
    await late.finished
  })

  test('while it waits for threads of a pool', async () => {
    const pool = new Piscina({ maxThreads: 2 })
    try {
      const first = pipeline([produceForEver(), consume()], { pool })
      const second = pipeline([produceForEver(), consume()], { pool })
      const third = pipeline([produce(5), consume()], { pool })
      second.abort(new Error('no patience'))
      expect(await failureOfRun(second)).toMatchObject({ message: 'no patience' })
      first.abort(new Error('make room'))
      await failureOfRun(first)
      expect((await third.finished).values[1]).toMatchObject({ bytes: 5 })
    } finally {
      await pool.destroy()
    }
  })

  test('by what onProgress throws', async () => {
    const onProgress = () => {
      throw new Error('from onProgress')
    }
    expect(await failureOfRun(pipeline([produceForEver(), consume()], { onProgress }))).toMatchObject({
      message: 'from onProgress',
    })
  })
})

describe('child processes that fail', () => {
  test('with an exit code, and what they complained of', async () => {
    const run = pipeline([
      produce(MIB),
      exec('sh', ['-c', 'echo one >&2; echo two >&2; exit 3']),
      toFile(path('never')),
    ])
    expect(await failureOfRun(run)).toMatchObject({
      message: 'sh: exited with code 3: one\ntwo',
      cause: { name: 'ExecError', exitCode: 3, signal: null, stderr: 'one\ntwo' },
    })
  })

  test('by a signal', async () => {
    const run = pipeline([produce(MIB), exec('sh', ['-c', 'kill -9 $$']), consume()])
    expect(await failureOfRun(run)).toMatchObject({ message: 'sh: was ended by SIGKILL', cause: { signal: 'SIGKILL' } })
  })

  test('and leave no children of their own', async () => {
    const marker = 4000 + (process.pid % 1000)
    const bad = inline('bad', async () => {
      await new Promise((resolve) => setTimeout(resolve, 100))
      throw new Error('now')
    })
    const run = pipeline([exec('sh', ['-c', `sleep ${marker} | cat`]), bad])
    expect(await failureOfRun(run)).toMatchObject({ message: 'bad: now' })
    await until(() => !commands().includes(`sleep ${marker}`))
  })

  test('a command that there is not', async () => {
    expect(await failureOfRun(pipeline([produce(1), exec('no-such-command'), toFile(path('never'))]))).toMatchObject({
      message: 'no-such-command: cannot start no-such-command: command not found',
      code: 'ENOENT',
    })
  })
})

describe('what cannot work is said in one line, and leaves nothing', () => {
  writeFileSync(path('throws.mjs'), 'throw new Error("while loading")')
  writeFileSync(path('no-function.mjs'), 'export default 5')
  writeFileSync(path('no-default.mjs'), 'export const x = 5')
  test.each([
    ['a module that does not exist', stage(path('none.mjs')), /^none: there is no module .*none\.mjs$/],
    ['one that exports no function', stage(path('no-function.mjs')), /^no-function: .* must be a function, not 5$/],
    ['one without a default export', parallel(path('no-default.mjs')), /^no-default: .* not undefined$/],
    ['one that throws at load', stage(path('throws.mjs')), /^throws: while loading$/],
    [
      'one that writes after closing',
      inline('late', ({ output }) => {
        output.close()
        output.writeSync('x')
      }),
      /^late: Cannot write to the pipe: this writer was closed$/,
    ],
    ['one that returns what cannot be sent', inline('odd', () => () => 1), /^odd: what it returned cannot be sent/],
    [
      'data that cannot be sent',
      inline(
        'odd',
        () => {},
        () => 1,
      ),
      /^odd: .* could not be cloned/,
    ],
    [
      'a parallel that returns no bytes',
      inlineParallel('odd', () => 'text'),
      /^odd: it must return a Uint8Array for chunk \d+, not "text"$/,
    ],
  ])('%s', async (_, part, words) => {
    const run = pipeline([fromFile(path('source')), pass(), part, toFile(path('never'))])
    expect((await failureOfRun(run)).message).toMatch(words)
  })

  test.each([
    ['a file that is not there', 'nothing', /^from nothing: ENOENT: no such file or directory, open '.*nothing'$/],
    ['a folder', '.', /^from .*: EISDIR: .* is a directory$/],
    ['what cannot be read', '../../proc/self/mem', /^from mem: (EIO|ENOENT)/],
  ])('as input: %s', async (_, name, words) => {
    expect((await failureOfRun(pipeline([fromFile(path(name)), toFile(path('never'))]))).message).toMatch(words)
  })

  test.each([
    ['in a folder that is not there', () => path('no/folder/x'), /^to x: ENOENT/],
    ['a folder', () => path('.'), /^to .*: EISDIR/],
    ['a full device', () => '/dev/full', /^to full: ENOSPC: no space left on device/],
  ])('as output: %s', async (_, target, words) => {
    expect((await failureOfRun(pipeline([fromFile(path('source')), toFile(target())]))).message).toMatch(words)
  })

  test('a failure leaves the file that was there', async () => {
    writeFileSync(path('kept'), 'as it was')
    const bad = inline('bad', ({ output }) => {
      output.writeSync('something else')
      throw new Error('no')
    })
    await failureOfRun(pipeline([bad, toFile(path('kept'))]))
    expect(readFileSync(path('kept'), 'utf8')).toBe('as it was')
  })
})

/** The command lines of all processes. */
function commands(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
      } catch {
        return ''
      }
    })
}

describe('what is left', () => {
  test('a name may be as long as the system lets it be', async () => {
    for (const name of ['n'.repeat(255), 'ü'.repeat(127)]) {
      await pipeline([fromFile(path('source')), toFile(path(name))]).finished
      expect(left()).toContain(name)
      rmSync(path(name))
    }
  })

  test('a half-written file that cannot be removed hides no cause', async () => {
    mkdirSync(path('folder'))
    const run = pipeline([produceForEver(), toFile(path('folder/never'))])
    await until(() => run.stats().parts[1]?.state === 'running')
    rmSync(path('folder'), { recursive: true })
    writeFileSync(path('folder'), 'a file now')
    run.abort(new RangeError('enough'))
    expect(await failureOfRun(run)).toMatchObject({ name: 'RangeError', message: 'enough' })
    rmSync(path('folder'))
  })

  test('no process that a child has left behind, whose output is still open', async () => {
    const run = pipeline([exec('sh', ['-c', `sleep 60 & echo $! > ${path('pid')}`]), consume()])
    const pid = (): number => (existsSync(path('pid')) ? Number(readFileSync(path('pid'), 'utf8')) : 0)
    await until(() => pid() > 0)
    // The shell ends then; it is waited for in vain, for its output is not at its end.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(() => process.kill(pid(), 0)).not.toThrow()
    run.abort()
    await failureOfRun(run)
    await until(() => !isAlive(pid()))
    rmSync(path('pid'))
  })
})

test('what a child writes is not lost if it ends before the pipeline begins', async () => {
  const late = `await new Promise((begin) => setTimeout(begin, 500))
    export default ({ input }) => input.readSync(new Uint8Array(100))`
  const parts = [exec('echo', ['hi']), stage(`data:text/javascript,${encodeURIComponent(late)}`, { name: 'late' })]
  expect((await pipeline(parts).finished).values[1]).toBe(3)
})

test('what a child has left behind is not waited for if it has its standard error only', async () => {
  const behind = `sleep 60 > /dev/null < /dev/null & echo $! > ${path('pid')}`
  try {
    const said = await pipeline([exec('sh', ['-c', `${behind}; echo hi`]), consume()]).finished
    expect(said.values[1]).toMatchObject({ bytes: 3 })
    process.kill(Number(readFileSync(path('pid'), 'utf8')))
    const failed = pipeline([exec('sh', ['-c', `${behind}; echo why >&2; exit 3`]), consume()])
    expect((await failureOfRun(failed)).cause).toMatchObject({ exitCode: 3, stderr: 'why' })
  } finally {
    process.kill(Number(readFileSync(path('pid'), 'utf8')))
    rmSync(path('pid'))
  }
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  // Nobody may have taken notice of its end.
  return !existsSync(`/proc/${pid}/stat`) || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}
