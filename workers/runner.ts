import { parentPort } from 'node:worker_threads'
import { answer, type Call } from './calls.ts'

/** A thread of `node:worker_threads` that runs the functions it is sent, one after the other, blocking or async. */
const port = parentPort
port?.on('message', async (call: Call) => port.postMessage(await answer(call)))
