import { Bench, type Case, type Feature, type Limit, type Runtime } from './bench.ts'

/** What came of one case. */
export interface Outcome {
  name: string
  features: readonly Feature[]
  /** What the runtime is known to lack, and was seen to lack. */
  limit: Limit | undefined
  /** What went wrong. */
  error: string | undefined
  ms: number
}

/** A case takes far less; one that waits for ever is known by this. */
const CASE_MS = 20_000

/** Runs all cases, one after the other. */
export async function runCases(
  runtime: Runtime,
  cases: readonly Case[],
  report: (outcome: Outcome) => void,
): Promise<void> {
  const bench = new Bench(runtime)
  for (const { name, features, run } of cases) {
    const startedMs = performance.now()
    let limit: Limit | undefined
    let error: string | undefined
    try {
      limit = await within(CASE_MS, run(bench))
    } catch (thrown) {
      error = textOf(thrown)
    }
    report({ name, features, limit, error, ms: Math.round(performance.now() - startedMs) })
    await bench.tidy()
  }
  await bench.end()
}

function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the case did not end within ${ms} ms`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

/** An error with its message and its stack: not every runtime's stack begins with the message. */
function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const { message, stack = '' } = thrown
  return stack.includes(message) ? stack : `${message}\n${stack}`
}
