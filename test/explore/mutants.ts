import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { compileTree, writeManifest } from '../../workers/compile.ts'

/** The shipped code with one thing wrong, to see that the exploration finds it. */
export interface Mutant {
  readonly name: string
  /** The file of `src`, and in it what is there once, and what takes its place. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** Where it shows, and with how many preemptions. */
  readonly scenario: string
  readonly bound: number
  /** Leaves no schedule out: it shows by a plain load of a word, which is not known to have to do with the store. */
  readonly full?: true
}

const PACKAGE = new URL('../..', import.meta.url)

/** Makes the mutants, in a folder for all of them. @returns the folder of each mutant's package, by name */
export async function plant(folder: URL): Promise<Map<string, string>> {
  const roots = new Map(MUTANTS.map((mutant, i) => [mutant.name, mutate(mutant, new URL(`${i}/`, folder), `0.0.${i}`)]))
  const files = ['index.ts', 'layout.ts', 'platform/node.ts']
  const entries = MUTANTS.flatMap((_, i) => files.map((file) => `${i}/src/${file}`))
  await compileTree(folder, entries, folder)
  return roots
}

function mutate({ name, file, find, replace }: Mutant, root: URL, version: string): string {
  cpSync(new URL('src', PACKAGE), new URL('src', root), { recursive: true })
  writeManifest(root, version)
  const url = new URL(`src/${file}`, root)
  const source = readFileSync(url, 'utf8')
  const places = source.split(find).length - 1
  if (places !== 1) throw new Error(`the mutant "${name}" has ${places} places in ${file}: ${find}`)
  const mutated = source.replace(find, () => replace)
  writeFileSync(url, mutated)
  return root.href
}

const ONE_ON_ONE = '1 × 1: two writes, then a close'
const SAY_PAST_END =
  '    if (pastEnd >= 0) Atomics.store(words, pastEndWord(countMore(count, n), mask), this.lending ? pastEnd : 0)'
const STORE = 'Atomics.compareExchange(words, STORED, stored, storedMore(stored, n)) === stored'
const LARGE = '1 × 1: a write larger than the window'
const CLOSED = 'close of the writer by a third'
const WITHDRAWN = 'a write is withdrawn at its time-out, and one like it offered'
const FULL = 'buffered 1 × 1: a full buffer, wrapping around'

export const MUTANTS: readonly Mutant[] = [
  // Notifies dropped
  {
    name: 'an offer is not told to the reader',
    file: 'rendezvous-write.ts',
    find: 'wake(words, READER_EVENT) // tells the waiting reader: an offer is there',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 1,
  },
  {
    name: 'the writer is not told that its bytes are taken',
    file: 'rendezvous-read.ts',
    find: 'wake(words, WRITER_EVENT) // tells the offering writer: taken',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 1,
  },
  {
    name: 'the reader is not told of more in the window',
    file: 'rendezvous-write.ts',
    find: 'wake(words, READER_EVENT) // tells the taking reader: there is more',
    replace: '',
    scenario: LARGE,
    bound: 1,
  },
  {
    name: 'the writer is not told of room in the window',
    file: 'rendezvous-read.ts',
    find: 'wake(words, WRITER_EVENT) // tells the offering writer: there is room',
    replace: '',
    scenario: LARGE,
    bound: 1,
  },
  {
    name: 'a wake counts, but notifies nobody',
    file: 'waiting.ts',
    find: '  Atomics.notify(words, event)\n',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 0,
  },
  {
    name: 'the next in the queue is not told that the lock is free',
    file: 'lock.ts',
    find: 'wake(words, queueEvent(lock, next)) // tells the next waiter: the lock is free',
    replace: '',
    scenario: '2 × 1: whole writes',
    bound: 1,
  },
  {
    name: 'who leaves the queue does not pass on what it was told',
    file: 'lock.ts',
    find: '    wakeAll(this.#words, queueEvent(this.#lock, nextPlace(this.#words, this.#lock)))\n',
    replace: '',
    scenario: 'buffered: two queued writers, of which one gives up',
    bound: 2,
  },
  {
    name: 'who gives the lock up does not look who queues',
    file: 'operation.ts',
    find: '    this.#place.passOn()\n',
    replace: '',
    scenario: '2 × 1: whole writes',
    bound: 1,
  },
  {
    name: 'who gives the lock up does not look who sleeps on the other side',
    file: 'operation.ts',
    find: '    this.tellPeer()\n',
    replace: '',
    scenario: FULL,
    bound: 1,
  },
  {
    name: 'who queues does not ask to be told',
    file: 'lock.ts',
    find: 'const now = Atomics.compareExchange(words, lock, seen, seen | WATCHED)',
    replace: 'const now = seen',
    scenario: '2 × 1: whole writes',
    bound: 1,
  },
  {
    name: 'the reader of a buffer asks to be told before it says that it sleeps',
    file: 'operation.ts',
    find: `    const count = prepareToPark(this.words, this.event)
    this.askToBeTold()
`,
    replace: `    this.askToBeTold()
    const count = prepareToPark(this.words, this.event)
`,
    scenario: FULL,
    bound: 3,
  },
  {
    name: 'a lock is no longer watched though somebody queues',
    file: 'lock.ts',
    find: 'if (Atomics.load(words, lock + WAITERS_OFFSET) === 0) {\n      // Who',
    replace: 'if (Atomics.load(words, lock + WAITERS_OFFSET) >= 0) {\n      // Who',
    scenario: '2 × 1: whole writes',
    bound: 1,
  },
  {
    name: 'a writer is not told of room in the buffer',
    file: 'buffered-read.ts',
    find: 'if (room >= Atomics.load(words, WANTED_ROOM)) wakeAll(words, WRITER_EVENT)',
    replace: '',
    scenario: FULL,
    bound: 0,
  },
  // Waiters forgotten on close
  {
    name: 'a close forgets the writers in the queue',
    file: 'ending.ts',
    find: 'wakeQueue(words, WRITE_LOCK) // tells the writers queued behind it',
    replace: '',
    scenario: 'a close reaches a writer queued behind one that fills in place',
    bound: 1,
  },
  {
    name: 'a close forgets the reader in the slot',
    file: 'ending.ts',
    find: 'wake(words, READER_EVENT) // tells the reader waiting for an offer: none will come',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 1,
  },
  {
    name: 'a close forgets the writer in the slot',
    file: 'ending.ts',
    find: 'wake(words, WRITER_EVENT) // tells the writer in the slot: withdraw',
    replace: '',
    scenario: 'close of the reader by a third',
    bound: 1,
  },
  // Looks and orders
  {
    name: 'a short write is not put beside its offer',
    file: 'rendezvous-write.ts',
    find: 'if (this.length <= SHORT_BYTES) platform.copy(short, 0, window, this.#started & mask, this.length)',
    replace: 'void short, window',
    scenario: ONE_ON_ONE,
    bound: 0,
  },
  {
    name: 'no second look before parking',
    file: 'blocking.ts',
    find: '      if (operation.step()) return\n      const late',
    replace: '      const late',
    scenario: ONE_ON_ONE,
    bound: 2,
  },
  {
    name: 'no second look before awaiting',
    file: 'awaiting.ts',
    find: "    if (operation.step()) return 'finished'\n    if (!operation.prepared)",
    replace: '    if (!operation.prepared)',
    scenario: 'awaited reader, blocking writer',
    bound: 2,
  },
  {
    name: 'the flag of a sleeper is taken down after the wake',
    file: 'waiting.ts',
    find: '  Atomics.store(words, event + PARKED_OFFSET, 0)\n  Atomics.add(words, event, 1)\n  Atomics.notify(words, event)\n',
    replace:
      '  Atomics.add(words, event, 1)\n  Atomics.notify(words, event)\n  Atomics.store(words, event + PARKED_OFFSET, 0)\n',
    scenario: ONE_ON_ONE,
    bound: 2,
  },
  {
    name: 'the sleeper looks before it says that it sleeps',
    file: 'waiting.ts',
    find: '  Atomics.store(words, event + PARKED_OFFSET, 1)\n',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 0,
  },
  {
    name: 'the pipe has ended before a done word says how',
    file: 'ending.ts',
    find: '  Atomics.compareExchange(memory.words, DONE[half], OPEN, CLOSED)\n  end(memory.words)\n',
    replace: '  end(memory.words)\n  Atomics.compareExchange(memory.words, DONE[half], OPEN, CLOSED)\n',
    scenario: CLOSED,
    bound: 2,
  },
  {
    name: 'an error has come before its text',
    file: 'ending.ts',
    find: 'if (Atomics.compareExchange(words, done, OPEN, writingBy(platform.thread)) === OPEN) {',
    replace: 'if (Atomics.compareExchange(words, done, OPEN, FAILED) === OPEN) {',
    scenario: 'closeWithError of the writer by a third',
    bound: 1,
  },
  {
    name: 'the length of an offer is written after the offer',
    file: 'rendezvous-write.ts',
    find: `    words[FILLED] = (this.#started + this.#filled) | 0
    words[PARTLY_TAKEN] = 0
    floats[LEFT] = this.length
    const offered = (inState(handoff, OFFERED) + ONE_OFFER) | 0
    // edge: offered
    if (Atomics.compareExchange(words, HANDOFF, handoff, offered) !== handoff) return handoff
`,
    replace: `    words[FILLED] = (this.#started + this.#filled) | 0
    words[PARTLY_TAKEN] = 0
    const offered = (inState(handoff, OFFERED) + ONE_OFFER) | 0
    if (Atomics.compareExchange(words, HANDOFF, handoff, offered) !== handoff) return handoff
    floats[LEFT] = this.length
`,
    scenario: ONE_ON_ONE,
    bound: 1,
  },
  {
    name: 'bytes are stored after they are counted',
    file: 'buffered-write.ts',
    find: `      this.copyIn(position, this.moved, beforeEnd)
`,
    replace: `      Atomics.load(words, STORED)
`,
    scenario: FULL,
    bound: 0,
  },
  {
    name: 'the room in the window is not looked at',
    file: 'rendezvous-write.ts',
    find: 'const room = mask + 1 - (this.#filled - this.#drained)',
    replace: 'const room = mask + 1',
    scenario: LARGE,
    bound: 1,
  },
  {
    name: 'the lock is taken in two steps',
    file: 'lock.ts',
    find: 'const seen = Atomics.compareExchange(this.#words, this.#lock, FREE, listed ? watched : this.#owner)\n',
    replace:
      'const seen = Atomics.load(this.#words, this.#lock)\n    if (seen === FREE) Atomics.store(this.#words, this.#lock, watched)\n',
    scenario: 'awaited reader and blocking reader, queued behind each other',
    bound: 2,
  },
  {
    name: 'bytes are stored though the pipe has ended',
    file: 'buffered-write.ts',
    find: `    return ${STORE} // edge: filled\n`,
    replace: '    Atomics.store(words, STORED, storedMore(stored, n))\n    return true\n',
    scenario: 'buffered: close of the writer by a third',
    bound: 2,
  },
  {
    name: 'a short write that an end has overtaken counts as stored',
    file: 'buffered-write.ts',
    find: 'if (Atomics.compareExchange(words, STORED, stored, storedMore(stored, n)) !== stored) return super.start(source)',
    replace: 'Atomics.compareExchange(words, STORED, stored, storedMore(stored, n))',
    scenario: 'buffered: close of the writer by a third',
    bound: 2,
  },
  {
    name: 'a short write is stored after an end',
    file: 'buffered-write.ts',
    find: 'if (!isOpen || n > room',
    replace: 'if (n > room',
    scenario: 'buffered: close of the writer by a third',
    bound: 2,
  },
  {
    name: 'a lock is taken at once whoever has it',
    file: 'operation.ts',
    find: 'if (Atomics.compareExchange(this.words, this.#lock, FREE, this.owner) !== FREE) return false',
    replace: 'Atomics.compareExchange(this.words, this.#lock, FREE, this.owner)',
    scenario: 'buffered 2 × 1: whole writes',
    bound: 2,
  },
  {
    name: 'a whole write is looked for at the beginning of the window',
    file: 'rendezvous-read.ts',
    find: 'const position = (words[STARTED] as number) & mask',
    replace: 'const position = 0',
    scenario: '1 × 1: writes that start where those before have ended',
    bound: 0,
  },
  {
    name: 'a write that starts amid the window counts what is taken from the beginning',
    file: 'rendezvous-write.ts',
    find: '((word - this.#started - this.#drained) >>> 0)',
    replace: '((word - this.#drained) >>> 0)',
    scenario: 'a write that starts amid the window is withdrawn at its time-out, and the next is whole',
    bound: 1,
  },
  {
    name: 'a write starts where it has no room before the end of the ring',
    file: 'rendezvous-write.ts',
    find: 'return next + this.length <= ring ? next : 0',
    replace: 'return next',
    scenario: 'in place: a write with no room behind the one before',
    bound: 1,
  },
  // Rules broken
  {
    name: 'a write returns when its bytes are in the window',
    file: 'rendezvous-write.ts',
    find: 'return this.#filled === this.length ? this.block(HANDOFF, offered, WRITER_EVENT) : this.move()',
    replace:
      'if (this.#filled === this.length) {\n      this.moved = this.length\n      return this.finish()\n    }\n    return this.move()',
    scenario: 'a write that starts amid the window is withdrawn at its time-out, and the next is whole',
    bound: 0,
  },
  {
    name: 'a short write takes any answer for the last one',
    file: 'rendezvous-write.ts',
    find: '    if ((answer & STATE) !== IDLE) return this.move()\n',
    replace: '',
    scenario: 'spinning 1 × 1',
    bound: 2,
  },
  {
    name: 'a short write is offered to a pipe that has ended',
    file: 'rendezvous-write.ts',
    find: '    if (offered === handoff) return this.end()\n    const answer',
    replace: '    const answer',
    scenario: 'spinning 1 × 1',
    bound: 2,
  },
  {
    name: 'a read takes what was offered before the end',
    file: 'rendezvous-read.ts',
    find: 'if ((handoff & (STATE | ENDED)) !== OFFERED ||',
    replace: 'if ((handoff & STATE) !== OFFERED ||',
    scenario: 'spinning 1 × 1, closed by a third',
    bound: 2,
  },
  {
    name: 'a read gives no more than the window holds',
    file: 'rendezvous-read.ts',
    find: ': Math.min(this.length, this.#left)',
    replace: ': Math.min(this.length, this.#left, memory.mask + 1)',
    scenario: LARGE,
    bound: 0,
  },
  {
    name: 'what is left of a write is not written down',
    file: 'rendezvous-read.ts',
    find: '      this.memory.floats[LEFT] = left\n',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 0,
  },
  {
    name: 'an offer looks like the one before it',
    file: 'rendezvous-write.ts',
    find: 'const offered = (inState(handoff, OFFERED) + ONE_OFFER) | 0',
    replace: 'const offered = inState(handoff, OFFERED)',
    scenario: WITHDRAWN,
    bound: 2,
  },
  {
    name: 'what is left of a write is taken for a whole one',
    file: 'rendezvous-read.ts',
    find: ' || words[PARTLY_TAKEN] !== 0',
    replace: '',
    scenario: '1 × 1: what is left of a write is as much as the window holds',
    bound: 1,
  },
  {
    name: 'a whole write is taken though its offer is gone',
    file: 'rendezvous-read.ts',
    find: '    if (Atomics.compareExchange(words, HANDOFF, handoff, inState(handoff, IDLE)) !== handoff) return false',
    replace: '    Atomics.compareExchange(words, HANDOFF, handoff, inState(handoff, IDLE))',
    scenario: WITHDRAWN,
    bound: 2,
  },
  {
    name: 'the writer is not told that its whole write is taken',
    file: 'rendezvous-read.ts',
    find: '    wake(words, WRITER_EVENT) // tells the offering writer: all of it is taken\n',
    replace: '',
    scenario: ONE_ON_ONE,
    bound: 1,
  },
  {
    name: 'a write is withdrawn though it is being taken',
    file: 'rendezvous-write.ts',
    find: '      if ((handoff & STATE) !== OFFERED) return false\n',
    replace: '',
    scenario: 'the writer gives up at its time-out',
    bound: 2,
  },
  {
    name: 'a match starts though the pipe has ended',
    file: 'rendezvous-read.ts',
    find: '    if ((handoff & ENDED) !== 0) return this.end()\n',
    replace: '',
    scenario: 'close of the writer by a third',
    bound: 1,
  },
  {
    name: 'a write says on its time-out that nothing was taken',
    file: 'rendezvous-write.ts',
    find: '      this.moved = moved\n      this.phase = ENDING\n      return true',
    replace: '      this.phase = ENDING\n      return true',
    scenario: 'the writer gives up at its time-out',
    bound: 2,
  },
  {
    name: 'a closed half looks open to its own calls',
    file: 'ending.ts',
    find: 'if (own !== OPEN) return own === EXITED ? exitedHere(half) : closedHere(half)',
    replace: '',
    scenario: 'close of the reader by a third',
    bound: 1,
  },
  {
    name: 'bytes past the end of a buffer are read from its start',
    file: 'buffered-read.ts',
    find: 'isPastEnd ? mask + 1 + offset : offset',
    replace: 'offset',
    scenario: 'buffered, in place: past the end of the ring',
    bound: 0,
  },
  {
    name: 'bytes past the end of a buffer are stored before it is said that they lie there',
    file: 'buffered-write.ts',
    find: `${SAY_PAST_END}\n    return ${STORE} // edge: filled\n`,
    replace: `    const isStored = ${STORE}\n${SAY_PAST_END}\n    return isStored\n`,
    scenario: 'buffered, in place: past the end of the ring',
    bound: 1,
    full: true,
  },
  {
    name: 'a write in place is lent bytes that are still to be read',
    file: 'buffered-write.ts',
    find: 'if (!isOpen || room < size)',
    replace: 'if (!isOpen)',
    scenario: 'buffered, in place: a write that has to wait for room',
    bound: 0,
  },
  {
    name: 'a buffer goes by what was said two laps before',
    file: 'buffered-write.ts',
    find: 'if (pastEnd >= 0)',
    replace: 'if (pastEnd >= 0 && this.lending)',
    scenario: 'buffered: over the end of the ring, two laps after a write in place',
    bound: 0,
  },
  {
    name: 'a write up to the end of a buffer leaves what was said two laps before',
    file: 'buffered-write.ts',
    find: 'if (pastEnd >= 0)',
    replace: 'if (pastEnd > 0)',
    scenario: 'buffered: up to the end of the ring, two laps after a write in place',
    bound: 0,
  },
  {
    name: 'a short write up to the end of a buffer leaves what was said two laps before',
    file: 'buffered-write.ts',
    find: 'n > memory.mask - position',
    replace: 'n > memory.mask + 1 - position',
    scenario: 'buffered: up to the end of the ring, two laps after a write in place',
    bound: 0,
  },
  // Death
  {
    name: 'nobody is looked for among the readers',
    file: 'holders.ts',
    find: ' && areThere(words, READER_HOLDERS)',
    replace: '',
    scenario: 'the reader dies',
    bound: 1,
  },
  {
    name: 'nobody looks after a dead owner of the write lock',
    file: 'liveness.ts',
    find: '  if (owner === FREE || !isDead(memory, half, threadOf(owner))) return false\n',
    replace: '  return false\n',
    scenario: 'one writer of two dies',
    bound: 1,
  },
  {
    name: 'nobody sees that a half is deserted',
    file: 'liveness.ts',
    find: 'if (isDeserted(memory, PEER[half], exceptThread)) endExited(memory, PEER[half])',
    replace: '',
    scenario: 'the writer dies',
    bound: 1,
  },
  {
    name: 'the lock of a dead reader stays taken',
    file: 'liveness.ts',
    find: 'else freeLock(words, LOCK[half], owner)',
    replace: '',
    scenario: 'one reader of two dies',
    bound: 1,
  },
  {
    name: 'nobody goes on with the end that a dead thread has begun',
    file: 'ending.ts',
    find: '  if (isEnding(words)) end(words)\n',
    replace: '',
    scenario: 'a thread dies while it closes, and nobody else does',
    bound: 1,
  },
  {
    name: 'a match with a dead thread is waited for',
    file: 'operation.ts',
    find: '    if (!orphaned || this.phase !== MOVING) return BLOCKED\n',
    replace: '    return BLOCKED\n',
    scenario: 'the writer dies amid a write of two windows',
    bound: 1,
  },
  {
    name: 'a dead writer is an end of file',
    file: 'ending.ts',
    find: '      return exitedThere(half)\n',
    replace: "      return half === 'reader' ? null : exitedThere(half)\n",
    scenario: 'the writer dies',
    bound: 1,
  },
]
