import { mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Lends `work` a folder beside a file that is to appear: on the same file system, so that what is finished can be moved. It is gone afterwards, and if the program exits before. */
export async function withFolderBeside<T>(target: string, work: (folder: string) => Promise<T>): Promise<T> {
  const folder = folderBeside(target)
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  try {
    return await work(folder)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

function folderBeside(target: string): string {
  try {
    return mkdtempSync(join(dirname(target), '.threadpipe-'))
  } catch (error) {
    // Without the name of the folder, which nobody has heard of.
    throw new Error(`${target} cannot be written: ${(error as Error).message.split(', ', 1)[0]}`)
  }
}
