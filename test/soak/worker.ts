import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { PipeReader, PipeWriter } from 'threadpipe'
import { Content } from './content.ts'
import { type ReaderReport, ReaderSide } from './reading.ts'
import { performEnding, type SideTask } from './side.ts'
import { newTally, type Tally } from './tally.ts'
import { type WriterReport, WriterSide } from './writing.ts'

/** A thread of a soak: is one side of one pipe after the other, until it is to die. */

export interface CrewData {
  pool: SharedArrayBuffer
}

export interface ThirdReport {
  half: 'third'
  tally: Tally
}

export type Report = WriterReport | ReaderReport | ThirdReport

export type CrewMessage = { kind: 'ready' } | { kind: 'terminate me' } | { kind: 'report'; report: Report }

function serve(port: MessagePort, { pool }: CrewData): void {
  const content = new Content(pool)
  const say = (message: CrewMessage): void => port.postMessage(message)
  const surroundings = {
    content,
    askForDeath: () => say({ kind: 'terminate me' }),
    letGo: () => port.unref(),
  }
  port.on('message', async (task: SideTask) => {
    say({ kind: 'report', report: await run(task, surroundings) })
  })
  say({ kind: 'ready' })
}

/** Is one side of a pipe, in this thread. */
export async function run(task: SideTask, surroundings: ConstructorParameters<typeof WriterSide>[1]): Promise<Report> {
  switch (task.half) {
    case 'writer':
      return new WriterSide(task, surroundings).run()
    case 'reader':
      return new ReaderSide(task, surroundings).run()
    case 'third': {
      const tally = newTally()
      const { memory } = task.handle
      const half =
        task.index % 2 === 0 ? PipeReader.from({ memory, half: 'reader' }) : PipeWriter.from({ memory, half: 'writer' })
      performEnding(half, task.plan, tally)
      return { half: 'third', tally }
    }
  }
}

if (parentPort !== null) serve(parentPort, workerData as CrewData)
