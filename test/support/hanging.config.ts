import { mergeConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** The one test that hangs, for the test of the watchdog. */
const { include: _include, ...test } = base.test ?? {}

export default mergeConfig({ ...base, test }, { test: { include: ['test/support/hanging.case.ts'] } })
