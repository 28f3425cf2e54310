import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { pipeline } from 'node:stream/promises'
import { pipe } from 'threadpipe'
import { toReadable, watch } from 'threadpipe/node'
import type { JsonLinesTask } from './json-lines.ts'
import { isProgram, start } from './start.ts'

export interface Upload {
  status: number
  answer: string
  /** Bytes of the body that the thread has written. */
  bytes: number
}

/** Streams JSON lines from a thread as the body of a request. @throws if the server does not take all of it */
export async function uploadLines(port: number, lines: number, outcome = newOutcome()): Promise<Upload> {
  const { reader, writer } = pipe({ capacity: 64 * 1024 })
  const worker = start('./json-lines.ts', { output: writer, lines, outcome } satisfies JsonLinesTask)
  watch(worker, writer)
  const upload = request({ port, method: 'POST', headers: { 'content-type': 'application/x-ndjson' } })
  const answered = once(upload, 'response')
  try {
    // Whichever ends first: a server may answer before it has read the whole body.
    const sent = pipeline(toReadable(reader), upload)
    const [response] = await Promise.race([answered, sent.then(() => answered)])
    let answer = ''
    for await (const text of response.setEncoding('utf8')) answer += text
    if (!response.complete || reader.stats().writerClosed === false)
      throw new Error(`the server answered early: ${answer}`)
    await sent
    return { status: response.statusCode, answer, bytes: reader.stats().bytesRead }
  } catch (error) {
    answered.catch(() => {})
    upload.destroy()
    reader.closeWithError(error as Error)
    throw error
  }
}

export function newOutcome(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT))
}

/** A server on loopback that parses the lines as they come, and answers with what is wrong if something is. */
export async function countingServer(onLine?: (count: number) => void): Promise<Server> {
  const server = createServer(async (incoming, response) => {
    let [count, even] = [0, 0]
    try {
      for await (const line of createInterface({ input: incoming })) {
        const record = JSON.parse(line) as { id: number; even: boolean }
        if (record.id !== count) throw new Error(`line ${count} has the id ${record.id}`)
        if (record.even) even += 1
        count += 1
        onLine?.(count)
      }
      response.end(JSON.stringify({ count, even }))
    } catch (error) {
      response.writeHead(400).end((error as Error).message)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

// npm run example:http
if (isProgram(import.meta.url)) {
  const server = await countingServer()
  const { status, answer, bytes } = await uploadLines(portOf(server), 100_000)
  console.log(`${bytes} bytes of JSON lines from a thread; the server answered ${status}: ${answer}`)
  server.close()
}
