/** The arguments of the programs that this repository has for itself: benches, proofs, the soak. */

/** Reads them. What is wrong is said, and how they go; then the program ends with 2. It ends with 0 where only that is asked for. */
export function readArguments<T>(usage: string, read: () => T): T {
  if (process.argv.includes('--help')) {
    console.log(usage)
    process.exit(0)
  }
  try {
    return read()
  } catch (error) {
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(2)
  }
}

/** @throws RangeError if an option's text is no number within the limits */
export function numberOf(option: string, text: string, low: number, high: number): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (value >= low && value <= high) return value
  throw new RangeError(`--${option} must be a number from ${low} to ${high}, not ${text}`)
}

/** @throws RangeError if an option's text is none of these */
export function checkKnown(option: string, text: string, known: readonly string[]): void {
  if (!known.includes(text)) throw new RangeError(`--${option} must be one of these, not ${text}: ${known.join('; ')}`)
}
