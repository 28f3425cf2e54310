import { BEAT_MS } from './platform.ts'

type Timer = ReturnType<typeof setInterval> & { ref?(): void; unref?(): void }

/**
 * One timer for all that a thread awaits: it keeps the event loop alive, and beats. Where the runtime lets a timer go without keeping the loop
 * alive, it is kept for the next wait, since making one costs more than a short wait; it ends itself at the first beat for nobody.
 */
export class Beats {
  readonly #listeners = new Set<() => void>()
  #timer: Timer | undefined

  add(listener: () => void): void {
    this.#listeners.add(listener)
    if (this.#listeners.size > 1) return
    this.#timer ??= setInterval(() => this.#beat(), BEAT_MS)
    this.#timer.ref?.()
  }

  delete(listener: () => void): void {
    this.#listeners.delete(listener)
    if (this.#listeners.size > 0) return
    if (this.#timer?.unref === undefined) this.#stop()
    else this.#timer.unref()
  }

  #beat(): void {
    if (this.#listeners.size === 0) this.#stop()
    for (const listener of [...this.#listeners]) listener()
  }

  #stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
