import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { directoryError } from './errors.ts'
import { atExit } from './exit.ts'

/** A regular file that is written beside its final place, and moved there at the end. */
export class Target {
  /** Where it grows. */
  readonly part: string
  /** The mode of the file that it takes the place of. */
  readonly mode: number | undefined
  readonly #path: string
  readonly #forget: () => void

  /** @throws ENOENT if there is no folder for it: in the words of what was asked for, not of the part */
  constructor(path: string, mode: number | undefined) {
    const folder = dirname(path)
    if (!existsSync(folder)) {
      throw Object.assign(new Error(`ENOENT: there is no folder ${folder}`), { code: 'ENOENT', path })
    }
    this.#path = path
    this.mode = mode
    this.part = join(folder, `.${shortened(basename(path))}.${randomBytes(6).toString('hex')}.part`)
    this.#forget = atExit(() => this.#remove())
  }

  commit(): void {
    renameSync(this.part, this.#path)
    this.#forget()
  }

  /** Nothing is told of a failure: whoever discards has a better error to tell of. */
  discard(): void {
    this.#forget()
    try {
      this.#remove()
    } catch {
      // The folder has gone, or may not be written any more.
    }
  }

  #remove(): void {
    rmSync(this.part, { force: true })
  }
}

/** A name that leaves room, in the 255 bytes that file systems give a name, for what makes it another one. */
function shortened(name: string): string {
  let short = name
  while (Buffer.byteLength(short) > MAX_NAME_BYTES) short = short.slice(0, -1)
  return short
}

const MAX_NAME_BYTES = 200

/** What a path leads to: nothing yet, a regular file, what has to be waited for (a FIFO, a terminal), or anything else, as a device. */
export type Place =
  | { readonly kind: 'stream' | 'other' }
  | { readonly kind: 'new'; readonly path: string }
  | { readonly kind: 'file'; readonly path: string; readonly mode: number }

/** @throws the system's errors but for ENOENT; EISDIR for a folder */
export function placeOf(path: string): Place {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) return leadsOn(path)
  if (stat.isDirectory()) {
    throw directoryError(path)
  }
  if (stat.isFile()) return { kind: 'file', path: realpathSync(path), mode: stat.mode & MODE_BITS }
  return { kind: stat.isFIFO() || (stat.isCharacterDevice() && isTerminal(path)) ? 'stream' : 'other' }
}

function isTerminal(path: string): boolean {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants
  try {
    const fd = openSync(path, O_RDONLY | O_NONBLOCK | O_NOCTTY)
    try {
      return isatty(fd)
    } finally {
      closeSync(fd)
    }
  } catch {
    // Whoever opens it in earnest is told.
    return false
  }
}

/** Nothing is there; or a symbolic link, to where nothing is yet. */
function leadsOn(path: string): Place {
  const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
  return isLink ? placeOf(resolve(dirname(path), readlinkSync(path))) : { kind: 'new', path }
}

const MODE_BITS = 0o7777
