import { vi } from 'vitest'

/** Loads modules anew, as they are where a thread has so many cores, whatever this machine has. */
export async function onCores<T>(cores: number, load: () => Promise<T>): Promise<T> {
  vi.resetModules()
  const { platform } = await import('../../src/platform/node.ts')
  Object.assign(platform, { parallelism: cores })
  return load()
}
