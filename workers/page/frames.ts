/** The pictures of the page: what one Worker makes, and what another makes of it. Nothing here knows of threads. */

export const WIDTH = 640
export const HEIGHT = 276
/** Bytes of a field: the height of each point, in 16 bits. */
export const FIELD_BYTES = WIDTH * HEIGHT * Uint16Array.BYTES_PER_ELEMENT
/** Bytes of a picture: red, green, blue and opacity of each point. */
export const PICTURE_BYTES = 4 * WIDTH * HEIGHT

/** Drops of different size, each on an orbit of its own. */
const DROPS = [
  { size: 58, across: 0.36, down: 0.24, speed: 0.011, start: 0 },
  { size: 50, across: 0.24, down: 0.3, speed: -0.017, start: 2.1 },
  { size: 44, across: 0.42, down: 0.2, speed: 0.014, start: 3.4 },
  { size: 36, across: 0.16, down: 0.34, speed: -0.021, start: 1.2 },
  { size: 32, across: 0.4, down: 0.3, speed: 0.019, start: 5.3 },
  { size: 26, across: 0.3, down: 0.14, speed: -0.027, start: 4.4 },
  { size: 22, across: 0.44, down: 0.34, speed: -0.013, start: 2.7 },
  { size: 18, across: 0.1, down: 0.2, speed: 0.031, start: 0.7 },
] as const
/** Keeps a drop's middle finite. */
const SOFTNESS = 70
/** The sum at which a field is half as high as it can be. */
const HALF = 1.7
const HIGHEST = 0xffff

/** Fills a field with the drops of frame number `frame`: they melt into each other where they meet. */
export function fillField(field: Uint16Array, frame: number): void {
  const drops = DROPS.map(({ size, across, down, speed, start }) => {
    const angle = start + speed * frame
    return {
      x: WIDTH * (0.5 + across * Math.cos(angle)),
      y: HEIGHT * (0.5 + down * Math.sin(angle * 1.31)),
      strength: size * size,
    }
  })
  let at = 0
  for (let y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      let sum = 0
      for (const drop of drops) {
        const dx = x - drop.x
        const dy = y - drop.y
        sum += drop.strength / (dx * dx + dy * dy + SOFTNESS)
      }
      field[at] = (HIGHEST * sum) / (sum + HALF)
      at += 1
    }
  }
}

/** From deep water over violet and coral to gold, by height. */
const STOPS = [
  { at: 0, color: [8, 10, 28] },
  { at: 70, color: [22, 22, 66] },
  { at: 105, color: [72, 40, 140] },
  { at: 135, color: [190, 58, 140] },
  { at: 165, color: [250, 112, 104] },
  { at: 200, color: [255, 186, 100] },
  { at: 255, color: [255, 244, 214] },
] as const

const PALETTE = new Uint8Array(3 * 256)
for (let i = 1; i < STOPS.length; i += 1) {
  const [low, high] = [STOPS[i - 1], STOPS[i]] as [(typeof STOPS)[number], (typeof STOPS)[number]]
  for (let level = low.at; level <= high.at; level += 1) {
    const part = (level - low.at) / (high.at - low.at)
    for (const channel of [0, 1, 2] as const) {
      PALETTE[3 * level + channel] = low.color[channel] + part * (high.color[channel] - low.color[channel])
    }
  }
}

const LIGHT = { x: -0.5, y: -0.62, z: 0.6 }
/** Slope of a difference of one, in 16 bits. */
const STEEPNESS = 0.00055
const SHINE = 130
const SHARPNESS = 18

/** Colours a field, and lights its slopes from the upper left. */
export function lightField(picture: Uint8Array, field: Uint16Array): void {
  let at = 0
  for (let y = 0; y < HEIGHT; y += 1) {
    const [above, below] = [y > 0 ? WIDTH : 0, y < HEIGHT - 1 ? WIDTH : 0]
    for (let x = 0; x < WIDTH; x += 1) {
      const height = field[at] as number
      const color = 3 * (height >> 8)
      const dx = ((field[x > 0 ? at - 1 : at] as number) - (field[x < WIDTH - 1 ? at + 1 : at] as number)) * STEEPNESS
      const dy = ((field[at - above] as number) - (field[at + below] as number)) * STEEPNESS
      const facing = Math.max(0, (dx * LIGHT.x + dy * LIGHT.y + LIGHT.z) / Math.sqrt(dx * dx + dy * dy + 1))
      const shade = 0.66 + 0.6 * facing
      const shine = SHINE * facing ** SHARPNESS * (height / HIGHEST)
      const to = 4 * at
      picture[to] = Math.min(255, shade * (PALETTE[color] as number) + shine)
      picture[to + 1] = Math.min(255, shade * (PALETTE[color + 1] as number) + shine)
      picture[to + 2] = Math.min(255, shade * (PALETTE[color + 2] as number) + shine)
      picture[to + 3] = 255
      at += 1
    }
  }
}
