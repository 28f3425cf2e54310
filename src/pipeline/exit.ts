/** What is to be done if the process ends while a pipeline runs: nothing of it is left then, either. */
const duties = new Set<() => void>()

/** Where nobody else listens for them they end the process at once, with no `exit`. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function fulfil(): void {
  for (const duty of duties) duty()
}

function onSignal(signal: NodeJS.Signals): void {
  // Who else listens decides what becomes of the process.
  if (process.listenerCount(signal) > 1) return
  fulfil()
  stopListening()
  process.kill(process.pid, signal)
}

function listen(): void {
  process.on('exit', fulfil)
  for (const signal of SIGNALS) process.on(signal, onSignal)
}

function stopListening(): void {
  process.off('exit', fulfil)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

/** @returns what takes the duty back */
export function atExit(duty: () => void): () => void {
  if (duties.size === 0) listen()
  duties.add(duty)
  return () => {
    duties.delete(duty)
    if (duties.size === 0) stopListening()
  }
}
