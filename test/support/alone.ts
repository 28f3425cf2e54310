import type { Socket } from 'node:net'
import { afterAll, beforeAll } from 'vitest'
import { connected } from '../explore/results.ts'
import { EXPLORE_SOCKET } from './sequencer.ts'

const START_MS = 60_000

/**
 * Gives the tests of a file, or of a `describe`, the cores to themselves: what explores beside them stands still meanwhile. For those whose outcome hangs on
 * how the system shares the cores. Should they die, it goes on.
 */
export function haveCoresAlone(): void {
  let socket: Socket | undefined
  beforeAll(async () => {
    const path = process.env[EXPLORE_SOCKET]
    if (path === undefined) return
    const opened = await connected(path)
    // It sends what it finds, which is for others.
    socket = opened.on('error', () => {}).resume()
    await new Promise((resolve) => opened.write('stand still\n', resolve))
  }, START_MS)
  afterAll(() => void socket?.destroy())
}
