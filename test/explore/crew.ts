import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { THREAD_ARGS } from '../../workers/start.ts'
import type { Exploration } from './explorer.ts'
import type { Task } from './main.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'

/**
 * Processes that explore, one on each core: all threads of an exploration take turns, so one core is enough for them, and to hand the baton over within
 * a core takes a tenth of the time that it takes to wake another.
 *
 * @returns by name, what will come of each scenario
 */
export function exploreAll(tasks: readonly Task[]): Map<string, Promise<Exploration>> {
  const results = new Map(tasks.map((task) => [task.scenario, deferred()]))
  // The longest first, so that no core is left without work.
  const waiting = [...tasks].sort((a, b) => weightOf(b) - weightOf(a))
  for (const core of cores()) {
    const child = startOn(core)
    const next = (): void => {
      const task = waiting.shift()
      if (task === undefined) child.disconnect()
      else child.send(task)
    }
    child.on('message', (exploration: Exploration) => {
      results.get(exploration.scenario)?.resolve(exploration)
      next()
    })
    child.on('exit', (code, signal) => {
      if (code === 0) return
      for (const { reject } of results.values()) reject(new Error(`an exploring process ended: ${code ?? signal}`))
    })
    next()
  }
  return new Map([...results].map(([name, { promise }]) => [name, promise]))
}

function startOn(core: number | undefined): ChildProcess {
  const node = [process.execPath, ...THREAD_ARGS, fileURLToPath(new URL('./main.ts', import.meta.url))]
  const [command, ...args] = core === undefined ? node : ['taskset', '-c', String(core), ...node]
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

/** How long a scenario takes beside others, roughly: threads count, and deaths. */
function weightOf({ scenario }: Task): number {
  const { parts, victim } = SCENARIOS.find(({ name }) => name === scenario) as Scenario
  return parts.length + (victim === undefined ? 0 : 0.5)
}

function deferred() {
  let resolve: (value: Exploration) => void = () => {}
  let reject: (error: Error) => void = () => {}
  const promise = new Promise<Exploration>((res, rej) => {
    resolve = res
    reject = rej
  })
  promise.catch(() => {})
  return { promise, resolve, reject }
}
