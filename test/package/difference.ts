import { spawnSync } from 'node:child_process'

/** Shows how a file or folder has changed. @returns whether it has */
export function showDifference(before: string, after: string): boolean {
  const diff = ['--no-pager', 'diff', '--no-index', before, after]
  return spawnSync('git', diff, { stdio: 'inherit' }).status !== 0
}
