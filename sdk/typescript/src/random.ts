import { randomFillSync } from 'node:crypto'

/**
 * Numbers from 0 to below 1, for sampling: sfc32 (Chris Doty-Humphrey's small fast counter, from PractRand), which
 * costs nanoseconds. The same seed gives the same numbers. Not for secrets.
 */
export function createRandom(seed: readonly [number, number, number] = freshSeed()): () => number {
  let [a, b, c] = seed
  let counter = 1
  const next = () => {
    const sum = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + sum) | 0
    return (sum >>> 0) / 2 ** 32
  }
  // Seeds that differ by a bit give like numbers at first.
  for (let round = 0; round < 12; round++) next()
  return next
}

function freshSeed(): [number, number, number] {
  const [a = 0, b = 0, c = 0] = randomFillSync(new Uint32Array(3))
  return [a, b, c]
}
