import { platform } from '#platform'

/** Turns of this thread's event loop: it is only known whether one that somebody has asked about is over. */

let turn = 0
let isAwaited = false

/** @returns the number of the turn that runs now */
export function currentTurn(): number {
  if (isAwaited) return turn
  platform.afterTurn(() => {
    turn += 1
    isAwaited = false
  })
  isAwaited = true
  return turn
}
