import type { Case } from './bench.ts'
import { beyond } from './beyond.ts'
import { crowds } from './crowds.ts'
import { ending } from './ending.ts'
import { mainThread } from './main-thread.ts'
import { moving } from './moving.ts'
import { webStreams } from './web-streams.ts'

/** What holds on any runtime. Deaths and Node's modules are added where the kind of threads is known. */
export const anywhere: readonly Case[] = [...moving, ...ending, ...crowds, ...beyond, ...mainThread, ...webStreams]
