import { createHash } from 'node:crypto'
import { createReadStream, renameSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pipeline as connect } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { fromFile, type PipelineStats, parallel, pipeline, toFile } from 'threadpipe/pipeline'
import { tableOf } from '../src/command/table.ts'
import type { Audience } from './media/perform.ts'
import { withFolderBeside } from './scratch-folder.ts'

const GZIP = new URL('../src/command/built-in/gzip.ts', import.meta.url)

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/**
 * Compresses a file on all cores. Then the result is decompressed again and compared with the original; only after that it gets its name.
 *
 * @returns what came of it, for people
 */
export async function gzipFile(
  source: string,
  target: string,
  { signal, onStep, ...audience }: Audience,
): Promise<string> {
  const size = statSync(source).size
  const onProgress = ({ parts }: PipelineStats): void => {
    const done = parts[0]?.bytesOut ?? 0
    audience.onProgress(`${size === 0 ? 100 : Math.floor((100 * done) / size)} % of ${megabytes(size)}`)
  }
  onStep(megabytes(size))
  return withFolderBeside(target, async (folder) => {
    const packed = join(folder, basename(target))
    const { stats } = await pipeline([fromFile(source), parallel(GZIP), toFile(packed)], { signal, onProgress })
      .finished
    onStep('decompressing it again')
    const [original, unpacked] = [createHash('sha256'), createHash('sha256')]
    await connect(createReadStream(source), original, { signal })
    await connect(createReadStream(packed), createGunzip(), unpacked, { signal })
    if (unpacked.digest('hex') !== original.digest('hex'))
      throw new Error('the output does not decompress to the input')
    const digest = createHash('sha256')
    await connect(createReadStream(packed), digest, { signal })
    renameSync(packed, target)
    return reportOf(source, target, stats, digest.digest('hex'))
  })
}

function reportOf(source: string, target: string, stats: PipelineStats, sha256: string): string {
  const [bytesIn, bytesOut] = [stats.parts[0]?.bytesOut ?? 0, stats.parts.at(-1)?.bytesIn ?? 0]
  const seconds = stats.elapsedMs / 1000
  const ratio = bytesIn === 0 ? '' : `, ${((100 * bytesOut) / bytesIn).toFixed(1)} %`
  return [
    `${target} decompresses to the same bytes as ${source}`,
    `in          ${megabytes(bytesIn)}`,
    `out         ${megabytes(bytesOut)}${ratio}`,
    `sha256      ${sha256}`,
    `time        ${seconds.toFixed(2)} s`,
    `throughput  ${(bytesIn / 1e6 / seconds).toFixed(1)} MB/s`,
    '',
    tableOf(stats),
  ].join('\n')
}
