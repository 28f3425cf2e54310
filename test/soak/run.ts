import { type PipeReader, type PipeStats, type PipeWriter, pipe } from 'threadpipe'
import { watch } from 'threadpipe/node'
import * as layout from '../../src/layout.ts'
import type { Content } from './content.ts'
import type { Crew, Member } from './crew.ts'
import type { Death, Half, PipePlan } from './plan.ts'
import { Ledger, nowMs, performEnding, type SideTask } from './side.ts'
import { addTally, newTally, type Tally } from './tally.ts'
import { type Evidence, type Fault, judge } from './verdict.ts'
import { type Report, run } from './worker.ts'

/** How long a pipe may take in all, and how long its threads may take to come out of one that was aborted. */
const HANG_MS = 30_000
const REACTION_MS = 5_000

export interface PipeResult {
  faults: Fault[]
  tally: Tally
  /** From each death to the last survivor's error, in ms. */
  reactionsMs: number[]
}

interface Side {
  half: Half
  member: Member | undefined
  death: Death | undefined
  ledger: Ledger
  report: Promise<Report | undefined>
}

/** Takes one pipe through its plan. */
export async function runPipe(plan: PipePlan, crew: Crew, content: Content): Promise<PipeResult> {
  const { reader, writer } = pipe({ capacity: plan.capacity, window: plan.window })
  const tally = newTally()
  tally.pipes += 1
  tally[plan.capacity > 0 ? 'buffered' : 'rendezvous'] += 1
  const halves = { reader, writer }
  const plans = [
    ...plan.writers.map((side, index) => ({ half: 'writer' as const, index, ...side })),
    ...plan.readers.map((side, index) => ({ half: 'reader' as const, index, ...side })),
  ]
  const memory = Ledger.allocate(plans.length, plan.writers.length)
  // All of them, before the first begins.
  const members: (Member | undefined)[] = []
  for (const { main } of plans) members.push(main ? undefined : await crew.take())
  const third = plan.ending.kind === 'abort' && plan.ending.by === 'third thread' ? await crew.take() : undefined
  const stopWatching: (() => void)[] = []

  const sides = plans.map(({ half, index, death }, slot): Side => {
    const member = members[slot]
    const handle = { memory: halves[half].memory, half }
    const task: SideTask = { plan, half, index, handle, ledger: memory, slot }
    if (member !== undefined && death !== undefined && plan.watched)
      stopWatching.push(watch(member.worker, halves[half]))
    const report = member === undefined ? runHere(task, content) : member.run(task, () => terminate(member))
    return { half, member, death, ledger: new Ledger(memory, slot), report }
  })
  const reports: Promise<unknown>[] = sides.map(({ report }) => report)
  if (third !== undefined) {
    const task: SideTask = { plan, half: 'third', index: plan.number, handle: writer, ledger: memory, slot: 0 }
    reports.push(third.run(task, () => {}).then((report) => addTally(tally, report?.tally ?? newTally())))
  }
  const acting = setTimeout(() => act(plan, sides, halves, tally), plan.afterMs)
  if (plan.ending.kind === 'complete' && plan.ending.by === 'main') {
    const writes = sides.filter(({ half }) => half === 'writer').map(({ report }) => report)
    reports.push(Promise.all(writes).then(() => writer.close()))
    tally.closes += 1
  }

  const hung = await isLate(Promise.all(reports), HANG_MS)
  clearTimeout(acting)
  const faults: Fault[] = []
  if (hung) {
    faults.push({ kind: 'hangs', what: await breakUp(sides, reader) })
    if (third !== undefined) terminate(third)
  }
  const evidence = await gather(plan, sides, reader.stats(), tally, faults)
  if (!hung) faults.push(...judge(evidence))
  for (const stop of stopWatching) stop()
  for (const member of [...members, third]) {
    if (member?.terminatedAtMs) await member.ended
    if (member !== undefined) crew.give(member)
  }
  return { faults, tally, reactionsMs: hung ? [] : await reactions(sides, plan.watched) }
}

/** @returns whether a promise takes longer than `limitMs` */
async function isLate(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<true>((resolve) => {
    timer = setTimeout(resolve, limitMs, true)
  })
  try {
    return await Promise.race([promise.then(() => false), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Ends a pipe that hangs, and the threads that do not come out of it then. @returns how it was found */
async function breakUp(sides: Side[], reader: PipeReader): Promise<string> {
  const words = wordsOf(reader)
  const stuck: string[] = []
  for (const side of sides) if (await isLate(side.report, 0)) stuck.push(side.half)
  reader.abort(new Error('this pipe hangs'))
  for (const side of sides) {
    if (!(await isLate(side.report, REACTION_MS))) continue
    stuck.push(`${side.half} even after an abort`)
    if (side.member !== undefined) terminate(side.member)
    else side.report = Promise.resolve(undefined)
  }
  return `${words}; stuck: ${stuck.join(', ')}`
}

/** The control words that tell where a pipe stands. */
function wordsOf({ memory }: PipeReader): string {
  const words = new Int32Array(memory)
  const { HANDOFF, FILLED, DRAINED, STORED, WRITE_LOCK, READ_LOCK, WRITER_DONE, READER_DONE, ABORT_DONE } = layout
  const names = { HANDOFF, FILLED, DRAINED, STORED, WRITE_LOCK, READ_LOCK, WRITER_DONE, READER_DONE, ABORT_DONE }
  return Object.entries(names)
    .map(([name, word]) => `${name} ${Atomics.load(words, word)}`)
    .join(', ')
}

function terminate(member: Member): void {
  member.terminatedAtMs = nowMs()
  void member.terminate()
}

/** Is a side in this thread. */
function runHere(task: SideTask, content: Content): Promise<Report> {
  return run(task, { content, askForDeath: () => {}, letGo: () => {} })
}

/** What this thread does to the pipe after a while. */
function act(plan: PipePlan, sides: Side[], halves: { reader: PipeReader; writer: PipeWriter }, tally: Tally): void {
  const { ending } = plan
  if (ending.kind === 'close' && ending.by === 'main') performEnding(halves[ending.half], plan, tally)
  if (ending.kind === 'abort' && ending.by === 'main') performEnding(halves.reader, plan, tally)
  for (const side of sides) if (side.death?.where === 'anywhere') killOnceHolding(side)
}

/** Nobody can see that a thread has died which had not got its half yet. */
function killOnceHolding(side: Side): void {
  const { member, ledger } = side
  if (member === undefined || member.gone) return
  if (ledger.holds) terminate(member)
  else setImmediate(killOnceHolding, side)
}

/** What all sides have to say; the dead by their ledgers. */
async function gather(
  plan: PipePlan,
  sides: Side[],
  stats: PipeStats,
  tally: Tally,
  faults: Fault[],
): Promise<Evidence> {
  const evidence: Evidence = { plan, writers: [], readers: [], dead: [], stats }
  for (const { half, member, death, ledger, report: promise } of sides) {
    const report = await promise
    if (report !== undefined) addTally(tally, report.tally)
    if (report?.half === 'writer') evidence.writers.push(report)
    else if (report?.half === 'reader') evidence.readers.push(report)
    else if (death === undefined)
      faults.push({ kind: 'wrong errors', what: `a ${half}'s thread died: ${await member?.ended}` })
    else {
      evidence.dead.push({ half, ledger })
      tally[`killed by ${death.kind}`] += 1
      tally[plan.watched ? 'deaths under watch' : 'deaths without watch'] += 1
    }
  }
  return evidence
}

/** From the death that ends the half to the error of each survivor, in ms: the first that is watched, the last if none is. */
async function reactions(sides: Side[], watched: boolean): Promise<number[]> {
  const deaths: number[] = []
  const errors: number[] = []
  for (const { member, ledger, report: promise } of sides) {
    const report = await promise
    if (report === undefined) deaths.push(member?.terminatedAtMs || ledger.dyingSinceMs)
    else if (report.half !== 'third' && report.outcome.kind === 'error') errors.push(report.endedAtMs)
  }
  if (deaths.length === 0) return []
  const died = watched ? Math.min(...deaths) : Math.max(...deaths)
  return errors.map((at) => at - died).filter((ms) => ms >= 0)
}
