import type { PipeReader, PipeWriter } from 'threadpipe'

/**
 * Sound travels in blocks: 32-bit floats, all of the left channel, then all of the right one. A block is one write, made and read in the shared
 * memory itself; every block is full, so that the ring of a buffered pipe always holds whole ones.
 */
export interface Block {
  readonly left: Float32Array
  readonly right: Float32Array
}

/** A power of two, for the transforms. */
export const BLOCK_FRAMES = 8192
const CHANNELS = 2
const CHANNEL_BYTES = BLOCK_FRAMES * Float32Array.BYTES_PER_ELEMENT
export const BLOCK_BYTES = CHANNELS * CHANNEL_BYTES

/** What the pipes between the stages hold. Much: while there are more threads than cores, each has to wait for its turn, and holds nobody up so. */
export const PIPE_BYTES = 64 * BLOCK_BYTES

/** Makes sound. */
export interface Source {
  /** Fills a block. @returns whether there was any left to fill it with */
  next(block: Block): boolean
}

export function newBlock(): Block {
  return blockOver(new Uint8Array(BLOCK_BYTES))
}

/** One of the blocks that lie in some bytes. */
function blockOver({ buffer, byteOffset }: Uint8Array, index = 0): Block {
  const at = byteOffset + index * BLOCK_BYTES
  return {
    left: new Float32Array(buffer, at, BLOCK_FRAMES),
    right: new Float32Array(buffer, at + CHANNEL_BYTES, BLOCK_FRAMES),
  }
}

/**
 * As many blocks go over at once as are there, up to this: each time that a thread wakes another one, that may take the core from a third, and with few
 * cores too many of these are felt.
 */
const BLOCKS_AT_ONCE = 4

/** Writes blocks to a pipe up to the end of a source, which makes them where they will be read. */
export function writeBlocks(output: PipeWriter, source: Source): void {
  const fill = (bytes: Uint8Array): number => {
    let made = 0
    while (made < BLOCKS_AT_ONCE && source.next(blockOver(bytes, made))) made += 1
    return made * BLOCK_BYTES
  }
  while (output.writeInPlaceSync(BLOCKS_AT_ONCE * BLOCK_BYTES, fill) > 0);
}

/**
 * Reads blocks from a pipe up to its end, where they lie, and writes what is made of each, where it will be read.
 *
 * @param size what is made of a block, in bytes
 */
export function filterBlocks(
  input: PipeReader,
  output: PipeWriter,
  size: number,
  make: (block: Block, bytes: Uint8Array) => void,
): void {
  const use = (from: Uint8Array): number => {
    const count = Math.min(BLOCKS_AT_ONCE, from.length / BLOCK_BYTES)
    if (!Number.isInteger(count)) throw new RangeError(`${from.length} bytes are no whole blocks of ${BLOCK_BYTES}`)
    output.writeInPlaceSync(count * size, (to) => {
      for (let i = 0; i < count; i += 1) make(blockOver(from, i), to.subarray(i * size, (i + 1) * size))
    })
    return count * BLOCK_BYTES
  }
  while (input.readInPlaceSync(use) !== null);
}

/** Makes blocks of blocks, from pipe to pipe. */
export function mapBlocks(input: PipeReader, output: PipeWriter, make: (from: Block, to: Block) => void): void {
  filterBlocks(input, output, BLOCK_BYTES, (from, bytes) => make(from, blockOver(bytes)))
}

/** Sound, and then silence for what rings on. */
export function withSilence(source: Source, frames: number): Source {
  let [sounding, left] = [true, Math.ceil(frames / BLOCK_FRAMES)]
  return {
    next(block) {
      if (sounding) {
        sounding = source.next(block)
        if (sounding) return true
      }
      if (left === 0) return false
      left -= 1
      block.left.fill(0)
      block.right.fill(0)
      return true
    },
  }
}

/** The frames of whole blocks that hold so many frames, and so much silence. */
export function framesInBlocks(frames: number, silence = 0): number {
  return (Math.ceil(frames / BLOCK_FRAMES) + Math.ceil(silence / BLOCK_FRAMES)) * BLOCK_FRAMES
}
