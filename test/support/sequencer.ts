import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The environment variable that tells the tests of `explore` where to get their results. */
export const EXPLORE_SOCKET = 'THREADPIPE_EXPLORE_SOCKET'

/**
 * Runs the test files in their usual order, but `explore` last: what it asks for is begun before the first test, in processes that take only what time the other tests
 * leave of the cores. Most of those sleep most of the time.
 */
export default class Sequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const explores = ({ moduleId }: TestSpecification): boolean => moduleId.endsWith('/test/explore.test.ts')
    if (!sorted.some(explores)) return sorted
    startExploring(this.ctx.config.root)
    return [...sorted.filter((file) => !explores(file)), ...sorted.filter(explores)]
  }
}

function startExploring(root: string): void {
  const path = join(tmpdir(), `threadpipe-explore-${process.pid}.sock`)
  process.env[EXPLORE_SOCKET] = path
  const args = ['--import', 'tsx', '--conditions=threadpipe-source', 'test/explore/beside.ts', path]
  // The end of its standard input tells it that the test runner has ended.
  const child = spawn(process.execPath, args, { cwd: root, stdio: ['pipe', 'inherit', 'inherit'] })
  child.unref()
}
