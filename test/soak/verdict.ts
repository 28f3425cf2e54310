import type { PipeStats } from 'threadpipe'
import type { Half, PipePlan } from './plan.ts'
import type { ReaderReport } from './reading.ts'
import type { Ledger, Outcome } from './side.ts'
import type { WriterReport } from './writing.ts'

/** What must hold of a pipe once all its sides have reported or died. */

export const FAULTS = [
  'bytes lost',
  'bytes doubled',
  'bytes torn',
  'hangs',
  'wrong errors',
  'wrong counts',
  'leaks',
] as const
export type FaultKind = (typeof FAULTS)[number]

export interface Fault {
  kind: FaultKind
  what: string
}

export interface Evidence {
  plan: PipePlan
  writers: WriterReport[]
  readers: ReaderReport[]
  /** The sides whose threads have died. */
  dead: { half: Half; ledger: Ledger }[]
  stats: PipeStats
}

export function judge(evidence: Evidence): Fault[] {
  return [...judgeOutcomes(evidence), ...judgeDamage(evidence), ...judgeBytes(evidence), ...judgeMessages(evidence)]
}

function judgeOutcomes({ plan, writers, readers, dead }: Evidence): Fault[] {
  const faults: Fault[] = []
  for (const { half, outcome, wrong } of [...writers, ...readers]) {
    const said = describe(outcome)
    const allowed = allowedOutcomes(plan, half, dead)
    if (outcome.kind === 'hang') faults.push({ kind: 'hangs', what: `a ${half} waited for too long` })
    else if (!allowed.includes(said)) {
      faults.push({
        kind: 'wrong errors',
        what: `a ${half} ended with "${said}", not with "${allowed.join('" or "')}"`,
      })
    }
    for (const what of wrong) faults.push({ kind: 'wrong counts', what: `a ${half}: ${what}` })
  }
  return faults
}

function describe(outcome: Outcome): string {
  if (outcome.kind !== 'error') return outcome.kind
  if (outcome.code === 'ERR_PIPE_CLOSED' || outcome.code === 'ERR_PIPE_PEER_EXITED') return outcome.code
  return `${outcome.class}: ${outcome.message}${outcome.code === undefined ? '' : ` (${outcome.code})`}`
}

/** How an operation of `half` may end the work of its side. */
function allowedOutcomes({ ending }: PipePlan, half: Half, dead: Evidence['dead']): string[] {
  switch (ending.kind) {
    case 'complete':
      return [half === 'writer' ? 'finished' : 'end of file']
    case 'abort':
      return [`${ending.error.class}: ${ending.error.message}`]
    case 'close':
      if (ending.half === half) return ['ERR_PIPE_CLOSED']
      if (ending.error !== undefined) return [`${ending.error.class}: ${ending.error.message}`]
      return [half === 'writer' ? 'ERR_PIPE_CLOSED' : 'end of file']
    case 'deaths':
      // Whoever shares the half of a dead thread has lost it too; never is a death the end of the file.
      return dead.some((side) => side.half === half)
        ? ['ERR_PIPE_CLOSED', 'ERR_PIPE_PEER_EXITED']
        : ['ERR_PIPE_PEER_EXITED']
  }
}

function judgeDamage({ readers }: Evidence): Fault[] {
  return readers.flatMap(({ checked }) =>
    checked.damage.map(({ kind, what }): Fault => ({ kind: `bytes ${kind}`, what })),
  )
}

/** What was written is what was read, but for what a dead thread had under way, and what an ended buffer still held. */
function judgeBytes(evidence: Evidence): Fault[] {
  const { writers, readers, dead, stats } = evidence
  const total = (half: Half, reports: { bytes: number }[]) => {
    const ledgers = dead.filter((side) => side.half === half).map(({ ledger }) => ledger)
    const reported = reports.reduce((sum, { bytes }) => sum + bytes, 0)
    return {
      least: ledgers.reduce((sum, { least }) => sum + least, reported),
      most: ledgers.reduce((sum, { most }) => sum + most, reported),
    }
  }
  const [written, read] = [total('writer', writers), total('reader', readers)]
  const dropped = mayDrop(evidence)
  const faults: Fault[] = []
  const said = `${between(written)} bytes were written, ${between(read)} read, up to ${dropped} dropped`
  if (written.least > read.most + dropped) faults.push({ kind: 'bytes lost', what: said })
  if (written.most < read.least) faults.push({ kind: 'bytes doubled', what: said })
  if (dead.length > 0) return faults
  const { bytesWritten, bytesRead, writes } = stats
  const calls = writers.reduce((sum, report) => sum + report.calls, 0)
  if (bytesWritten !== written.most || bytesRead !== read.most || writes !== calls) {
    const counts = `${bytesWritten} bytes written in ${writes} writes, ${bytesRead} read`
    faults.push({ kind: 'wrong counts', what: `stats() says ${counts}; ${said}, in ${calls} writes` })
  }
  return faults
}

function between({ least, most }: { least: number; most: number }): string {
  return least === most ? `${least}` : `${least} to ${most}`
}

/** What may have been stored and never read, in bytes. */
function mayDrop({ plan: { capacity, ending }, dead }: Evidence): number {
  const readerEnds = ending.kind === 'abort' || (ending.kind === 'close' && ending.half === 'reader')
  return readerEnds || dead.some(({ half }) => half === 'reader') ? capacity : 0
}

/** The same by message: no number is missing, none is there twice, and those that were cut were cut where the writer says. */
function judgeMessages(evidence: Evidence): Fault[] {
  const { plan, writers, readers, dead } = evidence
  if (dead.length > 0 || readers.some(({ checked }) => checked.damage.length > 0)) return []
  const faults: Fault[] = []
  const exact = mayDrop(evidence) === 0
  if (plan.check === 'sums') {
    const sum = (sums: number[]): number => sums.reduce((total, one) => (total + one) >>> 0, 0)
    const [sent, got] = [sum(writers.map(({ sent }) => sent.sum)), sum(readers.map(({ checked }) => checked.sum))]
    if (exact && sent !== got)
      faults.push({ kind: 'bytes torn', what: `the bytes sent sum up to ${sent}, those read to ${got}` })
    return faults
  }
  for (const [writer, { sent }] of writers.entries()) {
    const whole = readers.reduce((total, { checked }) => total + (checked.whole[writer] ?? 0), 0)
    const marks = readers.reduce((total, { checked }) => (total + (checked.marks[writer] ?? 0)) >>> 0, 0)
    const said = `${sent.whole[writer]} messages of writer ${writer} went whole, ${whole} came`
    if (whole > (sent.whole[writer] ?? 0)) faults.push({ kind: 'bytes doubled', what: said })
    else if (exact && whole !== sent.whole[writer]) faults.push({ kind: 'bytes lost', what: said })
    else if (exact && marks !== sent.marks[writer]) faults.push({ kind: 'bytes torn', what: `${said}, but others` })
  }
  const cut = (all: { cuts: string[] }[]): string =>
    all
      .flatMap(({ cuts }) => cuts)
      .toSorted()
      .join(' ')
  const [sent, got] = [cut(writers.map((writer) => writer.sent)), cut(readers.map(({ checked }) => checked))]
  if (exact && sent !== got && !readers.some(({ checked }) => checked.unsure)) {
    faults.push({
      kind: 'bytes torn',
      what: `messages were cut at ${sent || 'none'}, but came cut at ${got || 'none'} (writer:bytes)`,
    })
  }
  return faults
}
