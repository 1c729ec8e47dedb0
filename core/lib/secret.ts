import { createHash, timingSafeEqual } from 'node:crypto'

/** A token or password. It cannot be printed, logged or serialised by accident. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The only way to read it: a call that can be searched for. */
  reveal(): string {
    return this.#value
  }

  /** In constant time; also for values of different lengths, as hashes are compared. */
  equals(candidate: string): boolean {
    const digest = (text: string) => createHash('sha256').update(text).digest()
    return timingSafeEqual(digest(this.#value), digest(candidate))
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
