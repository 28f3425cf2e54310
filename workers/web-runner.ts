import { answer, type Call } from './calls.ts'

/** The same as `runner`, as a web Worker. */
declare const self: {
  onmessage: (event: { data: Call }) => void
  postMessage(message: unknown): void
}

self.onmessage = async ({ data }) => self.postMessage(await answer(data))
