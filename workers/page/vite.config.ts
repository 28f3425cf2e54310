import { fileURLToPath } from 'node:url'
import { defaultClientConditions, defineConfig } from 'vite'
import { ISOLATED } from './isolated.ts'

/** Builds the page from the sources of the package, and serves it. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  resolve: { conditions: ['threadpipe-source', ...defaultClientConditions] },
  build: { outDir: fileURLToPath(new URL('../../out/page', import.meta.url)), emptyOutDir: true, target: 'esnext' },
  worker: { format: 'es' },
  server: { headers: ISOLATED },
  preview: { headers: ISOLATED },
})
