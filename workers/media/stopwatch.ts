/** How long each of some kinds of work takes, all in all. */
export class Stopwatch {
  /** In seconds, by the name of the work. */
  readonly seconds: Record<string, number> = {}

  time<T>(name: string, work: () => T): T {
    const startedMs = performance.now()
    const result = work()
    this.seconds[name] = (this.seconds[name] ?? 0) + (performance.now() - startedMs) / 1000
    return result
  }
}
