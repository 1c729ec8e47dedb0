/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export type Random = () => number

export function createRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Like containerd's names for leases and extractions: the nanoseconds of a second, and three random bytes in base64url. */
export function uniqueName(random: Random): string {
  const nanoseconds = Math.floor(random() * 1e9)
  return `${nanoseconds}-${Array.from({ length: 4 }, () => alphabet[Math.floor(random() * 64)]).join('')}`
}
