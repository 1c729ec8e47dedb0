import { randomFillSync } from 'node:crypto'

const perMs = 4_096

/**
 * Makes UUIDv7s (RFC 9562, section 5.7) that rise strictly: 48 bits of Unix milliseconds, a 12-bit counter, 62 random
 * bits. When a millisecond is used up, or the clock goes back, the time in the id runs ahead of the clock.
 */
export class Uuid7Source {
  readonly #now: () => number
  readonly #random = Buffer.alloc(8 * 256)
  #used = this.#random.length
  #ms = 0
  #counter = -1

  constructor(now: () => number) {
    this.#now = now
  }

  next(): string {
    const now = Math.floor(this.#now())
    if (now > this.#ms) {
      this.#ms = now
      this.#counter = -1
    }
    if (++this.#counter === perMs) {
      this.#ms++
      this.#counter = 0
    }
    const time = this.#ms.toString(16).padStart(12, '0')
    const counter = this.#counter.toString(16).padStart(3, '0')
    const tail = this.#randomHex()
    return `${time.slice(0, 8)}-${time.slice(8)}-7${counter}-${tail.slice(0, 4)}-${tail.slice(4)}`
  }

  #randomHex(): string {
    if (this.#used === this.#random.length) {
      randomFillSync(this.#random)
      this.#used = 0
    }
    const bytes = this.#random.subarray(this.#used, this.#used + 8)
    this.#used += 8
    // The variant, 10 in binary, stands where two random bits would.
    bytes[0] = 0x80 | (bytes[0]! & 0x3f)
    return bytes.toString('hex')
  }
}
