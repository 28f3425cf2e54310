import { defineConfig } from 'vitest/config'
import Sequencer from './test/support/sequencer.ts'

const conditions = ['threadpipe-source', 'node', 'import', 'module', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/package/**', '**/node_modules/**'],
    setupFiles: ['test/support/watchdog.ts'],
    reporters: ['default', './test/support/counts-reporter.ts'],
    // A real main thread, which may block; one file at a time, since the tests bring their own threads.
    pool: 'forks',
    fileParallelism: false,
    sequence: { sequencer: Sequencer },
    execArgv: ['--conditions=threadpipe-source'],
    testTimeout: 20_000,
  },
})
