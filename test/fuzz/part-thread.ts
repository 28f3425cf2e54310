import { parentPort, workerData } from 'node:worker_threads'
import { tryArguments } from './arguments.ts'
import { tryHandles } from './handles.ts'
import type { PartData } from './supervise.ts'

/** The thread that runs a part. */

const { part, options, beat } = workerData as PartData
const parts = { handles: tryHandles, arguments: tryArguments }
parentPort?.postMessage(await parts[part](options, beat))
