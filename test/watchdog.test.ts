import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

test('the watchdog ends a test that hangs in Atomics.wait, and says which', async () => {
  const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url))
  const run = spawn(process.execPath, [vitest, 'run', '--config', 'test/support/hanging.config.ts'], {
    cwd: root,
    env: { ...process.env, WATCHDOG_MS: '1500', VITEST: undefined, NODE_OPTIONS: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  run.stdout.on('data', (chunk) => (output += chunk))
  run.stderr.on('data', (chunk) => (output += chunk))
  const code = await new Promise((resolve) => run.on('close', resolve))
  expect(code).not.toBe(0)
  expect(output).toMatch(/watchdog: this test hung for 1500 ms, .*hanging\.case\.ts > hangs without a time-out/)
  expect(output).toMatch(/[1-9] failed/)
}, 60_000)
