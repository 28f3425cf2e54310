import { mkdirSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { Crew } from './crew.ts'
import { plant } from './mutants.ts'
import { tasks } from './tasks.ts'

/**
 * A process that explores what the tests ask of it while other tests run: it takes what time they leave of the cores. Whoever connects to the socket
 * whose path it is given gets what has come of each task, a line each, as soon as it is known; as long as one is connected that has written something, all stands
 * still. It ends when its parent does.
 */

const [path] = process.argv.slice(2) as [string]
const folder = new URL(`../../out/mutants-${process.pid}/`, import.meta.url)
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true })
  rmSync(path, { force: true })
})
process.stdin.on('end', () => process.exit()).resume()

const sockets = new Set<Socket>()
const quieters = new Set<Socket>()
const lines: string[] = []
let crew: Crew | undefined
createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('data', () => {
    quieters.add(socket)
    crew?.stop()
  })
  socket.on('close', () => {
    sockets.delete(socket)
    if (quieters.delete(socket) && quieters.size === 0) crew?.goOn()
  })
  for (const line of lines) socket.write(line)
}).listen(path)

mkdirSync(folder, { recursive: true })
const all = tasks(await plant(folder))
crew = new Crew(all, 'idle')
if (quieters.size > 0) crew.stop()
for (const { name } of all) {
  crew.result(name).then(
    (result) => {
      const line = `${JSON.stringify(result)}\n`
      lines.push(line)
      for (const socket of sockets) socket.write(line)
    },
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
}
