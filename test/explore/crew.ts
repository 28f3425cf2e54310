import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { COMPILED_ARGS, type Compiled, compile } from '../../workers/compile.ts'
import type { Result, Task } from './main.ts'
import { SCENARIOS } from './scenarios/all.ts'
import type { Scenario } from './scenarios/scenario.ts'

/**
 * Processes that explore, one on each core: all threads of an exploration take turns, so one core is enough for them, and to hand the baton over within
 * a core takes a tenth of the time that it takes to wake another.
 */
export class Crew {
  readonly #waiting: Task[]
  readonly #results: Map<string, ReturnType<typeof deferred>>
  readonly #policy: Policy
  readonly #children = new Set<ChildProcess>()
  #stopped = false

  /**
   * Starts on the tasks, the longest first so that no core is left without work.
   *
   * @param policy how the system shares the cores: as a batch of work, or only while nobody else has anything to do
   */
  constructor(tasks: readonly Task[], policy: Policy = 'batch') {
    this.#policy = policy
    this.#waiting = [...tasks].sort((a, b) => weightOf(b) - weightOf(a))
    this.#results = new Map(tasks.map(({ name }) => [name, deferred()]))
    this.#run().catch((error: unknown) => this.#fail(error))
  }

  /** What came of a task, when it is done. */
  result(name: string): Promise<Result> {
    const result = this.#results.get(name)
    if (result === undefined) throw new RangeError(`there is no task "${name}"`)
    return result.promise
  }

  /** Makes all stand still, also those that have yet to start. */
  stop(): void {
    this.#stopped = true
    for (const child of this.#children) child.kill('SIGSTOP')
  }

  goOn(): void {
    this.#stopped = false
    for (const child of this.#children) child.kill('SIGCONT')
  }

  async #run(): Promise<void> {
    const compiled = await compile('explore', ['test/explore/main.ts', 'test/explore/thread.ts', 'src/index.ts'])
    try {
      await Promise.all(cores().map((core) => this.#work(startOn(core, this.#policy, compiled))))
    } finally {
      compiled.remove()
    }
  }

  /** Gives a process one task after the other. */
  #work(child: ChildProcess): Promise<void> {
    this.#children.add(child)
    if (this.#stopped) child.kill('SIGSTOP')
    const next = (): void => {
      const task = this.#waiting.shift()
      if (task === undefined) child.disconnect()
      else child.send(task)
    }
    child.on('message', (result: Result) => {
      this.#results.get(result.name)?.resolve(result)
      next()
    })
    next()
    return new Promise((resolve, reject) => {
      child.on('exit', (code, signal) => {
        this.#children.delete(child)
        if (code === 0) resolve()
        else reject(new Error(`an exploring process ended: ${code ?? signal}`))
      })
    })
  }

  #fail(error: unknown): void {
    for (const { reject } of this.#results.values()) reject(error)
  }
}

/** In either, who hands the baton over goes on to its sleep before the other one begins. */
type Policy = 'batch' | 'idle'

function startOn(core: number | undefined, policy: Policy, { root }: Compiled): ChildProcess {
  const node = [process.execPath, ...COMPILED_ARGS, fileURLToPath(new URL('test/explore/main.js', root))]
  const bound = ['chrt', `--${policy}`, '0', 'taskset', '-c', String(core), ...node]
  const [command, ...args] = core === undefined ? node : bound
  return spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

/** The cores that this process may use, as far as processes can be bound to them; undefined for a process that is not bound. */
function cores(): (number | undefined)[] {
  if (spawnSync('taskset', ['--version']).status !== 0) return [undefined]
  const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  const all = list.split(',').flatMap((range) => {
    const [first, last] = range.split('-').map(Number) as [number, number?]
    return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i)
  })
  return all.slice(0, MAX_PROCESSES)
}

const MAX_PROCESSES = 4

/** How long a task takes beside others, roughly: threads count, and deaths; a mutant is soon found out. */
function weightOf({ scenario, mutant }: Task): number {
  const { parts, victim } = SCENARIOS.find(({ name }) => name === scenario) as Scenario
  return mutant === undefined ? parts.length + (victim === undefined ? 0 : 0.5) : 0
}

function deferred() {
  let resolve: (value: Result) => void = () => {}
  let reject: (error: unknown) => void = () => {}
  const promise = new Promise<Result>((res, rej) => {
    resolve = res
    reject = rej
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}
