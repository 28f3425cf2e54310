import { pipe } from 'threadpipe'
import { test } from 'vitest'

test('hangs without a time-out', () => {
  pipe().reader.readSync(new Uint8Array(1))
})
