/** For receivers that spin, as nothing wakes them: they sleep on a word between the rounds. */

export function rise(words: Int32Array, awake: number): void {
  Atomics.store(words, awake, 1)
  Atomics.notify(words, awake)
}

export function rest(words: Int32Array, awake: number): void {
  Atomics.store(words, awake, 0)
}
