import { Code, PulltraceError } from '../../../core/lib/errors.ts'

/** What requests hold in memory, all together: while they arrive, while they are unpacked, until they are answered. */
export class BodyBudget {
  readonly #maxBytes: number
  #heldBytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  /** The part of one request. */
  open(): BodyShare {
    let held = 0
    return {
      take: bytes => {
        if (this.#heldBytes + bytes > this.#maxBytes) {
          throw new PulltraceError(
            Code.Unavailable,
            `requests in flight hold ${this.#heldBytes} bytes, at most ${this.#maxBytes} may`,
            { retryAfterSeconds: 1 },
          )
        }
        held += bytes
        this.#heldBytes += bytes
      },
      release: () => {
        this.#heldBytes -= held
        held = 0
      },
    }
  }
}

export interface BodyShare {
  /** @throws Code.Unavailable when that is more than all requests may hold. */
  take(bytes: number): void
  /** All of it; again and again is fine. */
  release(): void
}
