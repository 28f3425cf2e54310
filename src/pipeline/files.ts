import { closeSync, constants, fchmodSync, openSync } from 'node:fs'
import { copySync, PipeReader, PipeWriter } from '../core.ts'
import { fdReader, fdWriter } from '../node/descriptors.ts'
import type { ReadJob, Work, WriteJob } from './seat.ts'
import { isUnread } from './stage.ts'

/** Files in a thread: the system reads into the shared memory, and writes from it. */

export function readFile({ source, output: to }: ReadJob): Work {
  const fd = typeof source === 'number' ? source : openSync(source, 'r')
  const output = PipeWriter.from(to)
  return {
    run: () => void copySync(output, fdReader(fd)),
    end(error) {
      if (typeof source !== 'number') closeSync(fd)
      if (error === undefined) output.close()
      else output.closeWithError(error)
    },
    isLeaving: (error) => isUnread(error, output),
  }
}

export function writeFile({ target, create, input: from }: WriteJob): Work {
  const fd = typeof target === 'number' ? target : openSync(target, create === undefined ? AS_IT_IS : 'wx')
  const input = PipeReader.from(from)
  return {
    run() {
      copySync(fdWriter(fd), input)
      if (create?.mode !== undefined) fchmodSync(fd, create.mode)
    },
    end(error) {
      if (typeof target !== 'number') closeSync(fd)
      if (error === undefined) input.close()
      else input.closeWithError(error)
    },
    isLeaving: () => false,
  }
}

/** A device, or what else is no regular file: it is neither made nor emptied. */
const AS_IT_IS = constants.O_WRONLY
