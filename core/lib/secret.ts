import { timingSafeEqual } from 'node:crypto'

/** A token or password. It cannot be printed, logged or serialised by accident. */
export class Secret {
  readonly #value: string
  readonly #bytes: Buffer

  constructor(value: string) {
    this.#value = value
    this.#bytes = Buffer.from(value)
  }

  /** The only way to read it: a call that can be searched for. */
  reveal(): string {
    return this.#value
  }

  /**
   * In a time that tells nothing of the value: always all of its bytes are compared,
   * with the candidate cut or padded to their number.
   */
  equals(candidate: string): boolean {
    const padded = Buffer.alloc(this.#bytes.length)
    padded.write(candidate)
    const same = timingSafeEqual(padded, this.#bytes)
    return same && Buffer.byteLength(candidate) === this.#bytes.length
  }

  toString(): string {
    return '[redacted]'
  }

  toJSON(): string {
    return '[redacted]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[redacted]'
  }
}
