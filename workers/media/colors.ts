type Color = readonly [red: number, green: number, blue: number]

/** From black over violet and orange to a light yellow: ever brighter, so that it reads in grey too. */
const COLORS: readonly Color[] = [
  [0, 0, 4],
  [27, 12, 65],
  [74, 12, 107],
  [120, 28, 109],
  [165, 44, 96],
  [207, 68, 70],
  [237, 105, 37],
  [251, 155, 6],
  [247, 209, 61],
  [252, 255, 164],
]

/** The colour of a share: 0 is the darkest, 1 the brightest. */
export function colorOf(share: number): Color {
  const at = Math.min(1, Math.max(0, share)) * (COLORS.length - 1)
  const below = Math.min(Math.floor(at), COLORS.length - 2)
  const [from, to] = [COLORS[below] as Color, COLORS[below + 1] as Color]
  return from.map((value, i) => Math.round(value + (at - below) * ((to[i] as number) - value))) as unknown as Color
}
