import type { Reporter, TestModule } from 'vitest/node'

/** Names what was skipped, and ends a run with one plain line of its counts, which scripts can read. */
export default class CountsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      // A file that broke before its tests could run is a failure of its own.
      if (module.state() === 'failed' && module.children.size === 0) counts.failed += 1
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        counts[state] += 1
        if (state === 'skipped') console.log(`skipped: ${test.fullName}`)
      }
    }
    const failed = counts.failed + counts.pending + unhandledErrors.length
    console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`)
  }
}
