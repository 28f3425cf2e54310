import { platform } from '#platform'

/** Turns of this thread's event loop, as far as somebody asks: it is known only of such a turn that it is over, and may be so a little later. */

let turn = 0
let isAwaited = false

/** @returns the number of the turn that runs now */
export function currentTurn(): number {
  if (isAwaited) return turn
  platform.afterTurn(() => {
    turn += 1
    isAwaited = false
  }, false)
  isAwaited = true
  return turn
}
