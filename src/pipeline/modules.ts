import { existsSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describe } from '../core.ts'
import { directoryError } from './errors.ts'

/** The modules of users, and how a thread comes to run TypeScript. */

const TYPESCRIPT = /\.[cm]?ts$/
const URL_SCHEME = /^(file|data|node):/

/** The URL of a module that is given as a URL, as its text, or as a path from the current folder. @throws TypeError */
export function moduleUrlOf(module: unknown): string {
  if (module instanceof URL) return module.href
  if (typeof module !== 'string' || module === '') {
    throw new TypeError(`The module must be a path or a URL, not ${describe(module)}`)
  }
  return URL_SCHEME.test(module) ? module : pathToFileURL(resolve(module)).href
}

/** A module as messages name it. */
export function moduleNameOf(moduleUrl: string): string {
  return moduleUrl.startsWith('file:') ? fileURLToPath(moduleUrl) : moduleUrl
}

/** Loads a module in this thread, TypeScript too. @returns its default export. @throws TypeError if that is no function */
export async function loadFunction<F>(moduleUrl: string): Promise<F> {
  if (moduleUrl.startsWith('file:')) checkFile(fileURLToPath(moduleUrl))
  await prepareTypeScript(moduleUrl)
  const { default: exported } = (await importModule(moduleUrl)) as { default?: unknown }
  // What was compiled to CommonJS has its default export one level down.
  const found = typeof exported === 'function' ? exported : (exported as { default?: unknown } | undefined)?.default
  if (typeof found !== 'function') {
    throw new TypeError(
      `the default export of ${moduleNameOf(moduleUrl)} must be a function, not ${describe(exported)}`,
    )
  }
  return found as F
}

/** @throws ERR_MODULE_NOT_FOUND, EISDIR */
function checkFile(path: string): void {
  if (!existsSync(path)) throw Object.assign(new Error(`there is no module ${path}`), { code: 'ERR_MODULE_NOT_FOUND' })
  if (statSync(path).isDirectory()) throw directoryError(path)
}

/** What is said of a text that is no module names no file. */
async function importModule(moduleUrl: string): Promise<unknown> {
  try {
    return await import(moduleUrl)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new SyntaxError(`${error.message}, in ${moduleNameOf(moduleUrl)} or in what it imports`, { cause: error })
  }
}

/** Where Node does not strip types, the tsx that the module's own folder sees does. */
async function prepareTypeScript(moduleUrl: string): Promise<void> {
  if (prepared || !TYPESCRIPT.test(new URL(moduleUrl).pathname)) return
  const tsx = tsxFor(moduleUrl)
  if (tsx === undefined) {
    throw new Error(
      `Node ${process.versions.node} does not run TypeScript: install tsx where ${moduleNameOf(moduleUrl)} is, or compile it`,
    )
  }
  for (const url of tsx) ((await import(url)) as { register(): unknown }).register()
  prepared = true
}

/** Whether this thread runs TypeScript: as this very module may be. */
let prepared = stripsTypes() || TYPESCRIPT.test(import.meta.url)

function stripsTypes(): boolean {
  return Boolean((process.features as { typescript?: unknown }).typescript)
}

/**
 * What threads are started with in this library's own repository, where they run its TypeScript. Undefined = with what of this process's arguments a thread
 * can have, which Node knows.
 */
export function threadArgs(): string[] | undefined {
  const tsx = !stripsTypes() && TYPESCRIPT.test(import.meta.url) ? tsxFor(import.meta.url) : undefined
  if (tsx === undefined) return undefined
  const preload = tsx.map((url, i) => `import { register as r${i} } from ${JSON.stringify(url)}; r${i}()`).join('; ')
  return ['--conditions=threadpipe-source', '--import', `data:text/javascript,${encodeURIComponent(preload)}`]
}

/** The two halves of tsx's interface, for ES modules and for CommonJS, as the module at `moduleUrl` would find them. */
function tsxFor(moduleUrl: string): string[] | undefined {
  const require = createRequire(moduleUrl)
  try {
    // `require` finds the CommonJS twin of what is to be imported, which lies beside it; from there tsx does not find itself.
    return ['tsx/esm/api', 'tsx/cjs/api'].map((name) =>
      pathToFileURL(require.resolve(name)).href.replace(/\.cjs$/, '.mjs'),
    )
  } catch {
    return undefined
  }
}
