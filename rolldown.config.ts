import { existsSync, rmSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'rolldown'

/** Joins the core: `dist/core.js`, as tsc has made it, gives way to one file with all that it imports, and their own files go. See `src/core.ts`. */

const SOURCES = fileURLToPath(new URL('src', import.meta.url))

const removeJoined: Plugin = {
  name: 'remove what was joined',
  writeBundle(_, bundle) {
    for (const output of Object.values(bundle)) {
      const ids = output.type === 'chunk' ? output.moduleIds : []
      for (const id of ids) {
        const module = basename(id, '.ts')
        if (module === 'core' || dirname(id) !== SOURCES) continue
        for (const suffix of ['.js', '.js.map']) rmSync(`dist/${module}${suffix}`)
      }
    }
  },
}

export default defineConfig({
  input: 'src/core.ts',
  external: (id) => !id.startsWith('.') && !existsSync(id),
  transform: { target: 'es2023' },
  plugins: [removeJoined],
  output: { file: 'dist/core.js', sourcemap: true },
})
