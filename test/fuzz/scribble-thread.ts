import { parentPort, workerData } from 'node:worker_threads'
import type { CellData, CellMessage } from './cell.ts'

/** A thread of a cell: one that calls, or the one that scribbles. */

const data = workerData as CellData
const post = (message: CellMessage): void => parentPort?.postMessage(message)

// The guard belongs into the threads that call, and before the pipe.
if ('actor' in data.role) await (await import('./actor.ts')).act(data, data.role.actor, post)
else (await import('./scribbler.ts')).scribble(data, data.role.scribbler, post)
