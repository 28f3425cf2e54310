/** What is to be done if the process exits while a pipeline runs: nothing of it is left then, either. A signal that nobody listens for ends it with no exit. */
const duties = new Set<() => void>()

function fulfil(): void {
  for (const duty of duties) {
    try {
      duty()
    } catch {
      // There is nobody left to tell, and the other duties are to be done.
    }
  }
}

/** @returns what takes the duty back */
export function atExit(duty: () => void): () => void {
  if (duties.size === 0) process.on('exit', fulfil)
  duties.add(duty)
  return () => {
    duties.delete(duty)
    if (duties.size === 0) process.off('exit', fulfil)
  }
}
