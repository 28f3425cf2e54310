import { platform } from '#platform'

/** In a thread whose entry imports this before the pipe, every wait parks at once. */
Object.assign(platform, { parallelism: 1 })
