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

/** The block that lies at the start of some bytes. */
export function blockOver(bytes: Uint8Array): Block {
  const { buffer, byteOffset, length } = bytes
  if (length < BLOCK_BYTES) throw new RangeError(`A block has ${BLOCK_BYTES} bytes, not ${length}`)
  return {
    left: new Float32Array(buffer, byteOffset, BLOCK_FRAMES),
    right: new Float32Array(buffer, byteOffset + CHANNEL_BYTES, BLOCK_FRAMES),
  }
}

/** Lends each block of a pipe to `use`, where it lies, up to the end. */
export function eachBlock(input: PipeReader, use: (block: Block) => unknown): void {
  const useFirst = (bytes: Uint8Array): number => {
    use(blockOver(bytes))
    return BLOCK_BYTES
  }
  while (input.readInPlaceSync(useFirst) !== null);
}

/** Lets `fill` make a block where it will be read. It gives whether it did. @returns that */
export function writeBlock(output: PipeWriter, fill: (block: Block) => boolean): boolean {
  return output.writeInPlaceSync(BLOCK_BYTES, (bytes) => (fill(blockOver(bytes)) ? BLOCK_BYTES : 0)) > 0
}

/** Makes a block of each one, from pipe to pipe: both lie where they were made and will be read. */
export function filterBlocks(input: PipeReader, output: PipeWriter, make: (from: Block, to: Block) => void): void {
  eachBlock(input, (from) => {
    writeBlock(output, (to) => {
      make(from, to)
      return true
    })
  })
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
