import { defineConfig } from 'vitest/config'
import CountsReporter from '../support/counts-reporter.ts'

/** The tests of the package as it is published: `npm run test:package`. They share one project that has installed its tarball. */
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    globalSetup: ['test/package/project.ts'],
    reporters: ['default', new CountsReporter()],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
  },
})
