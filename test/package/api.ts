import { mkdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { showDifference } from './difference.ts'
import { checkReference } from './reference.ts'

/**
 * Holds the public names and shapes of what `npm run build` has made against the reports in `docs/api`, one for each entry point, so that no change of them
 * goes unseen; and the API reference against the docstrings. `npm run check:api -- --write` writes both anew.
 */

const path = (file: string): string => fileURLToPath(new URL(`../../${file}`, import.meta.url))
const reports = path('docs/api')
const scratch = path('out/api')

interface Manifest {
  name: string
  exports: Record<string, string | { types?: string }>
}

const { values } = parseArgs({ options: { write: { type: 'boolean', default: false } } })
const manifest = JSON.parse(readFileSync(path('package.json'), 'utf8')) as Manifest
mkdirSync(reports, { recursive: true })

let failed = false
for (const [entry, targets] of Object.entries(manifest.exports)) {
  if (typeof targets === 'string' || targets.types === undefined) continue
  const name = [manifest.name, ...entry.split('/').slice(1)].join('-')
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: path('package.json'),
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: path('.'),
      mainEntryPointFilePath: path(targets.types),
      compiler: { tsconfigFilePath: path('test/package/api.tsconfig.json'), skipLibCheck: true },
      apiReport: {
        // The base of both halves, which is not exported itself. Other entry points name what this one exports.
        includeForgottenExports: entry === '.',
        enabled: true,
        reportFileName: `${name}.api.md`,
        reportFolder: reports,
        reportTempFolder: scratch,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.Error },
          // Releases are told apart by their versions.
          'ae-missing-release-tag': { logLevel: ExtractorLogLevel.None },
          // Stands in the report, at its place.
          'ae-undocumented': { logLevel: ExtractorLogLevel.None },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.None },
          // The types of piscina take in its package.json.
          'ae-wrong-input-file-type': { logLevel: ExtractorLogLevel.None },
          // Links to other members of the same class, which editors follow.
          'ae-unresolved-link': { logLevel: ExtractorLogLevel.None },
        },
        // Docstrings are Markdown, of the kind that editors show.
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  })
  const { succeeded, apiReportChanged } = Extractor.invoke(config, {
    localBuild: values.write,
    // What it says of itself, and of files that it copies, is of no use here.
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error
    },
  })
  if (apiReportChanged && !values.write) {
    console.log(
      `${name}: the public interface is not the one in docs/api. If it shall be so: npm run check:api -- --write`,
    )
    showDifference(config.reportFilePath, config.reportTempFilePath)
    failed = true
  }
  const gaps = readFileSync(config.reportTempFilePath, 'utf8').split('(undocumented)').length - 1
  if (gaps > 0) console.log(`${name}: ${gaps} public names have no docstring: see ${config.reportTempFilePath}`)
  failed ||= !succeeded || gaps > 0
}
if (!checkReference(values.write)) failed = true
process.exitCode = failed ? 1 : 0
