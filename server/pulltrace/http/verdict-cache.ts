import { hash } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'

export interface Verdict<T> {
  readonly value: T
  /** When the token ends by its own words; milliseconds since the Unix epoch. */
  readonly expiresAtMs: number | undefined
}

export interface VerdictParts<T> {
  /** Throws Unauthenticated or PermissionDenied for a refusal; any other error says nothing about the token. */
  readonly ask: (token: string) => Promise<Verdict<T>>
  readonly clock: Clock
  readonly maxTokens?: number
}

/**
 * How long a good answer holds, whatever happens to the token meanwhile. Milliseconds, as all below. What is revoked is
 * to be refused within a minute, and kube-apiserver (seen in 1.35) repeats its own good answer for 10 s.
 */
export const goodForMs = 50_000
/** From this age on a good answer is asked for again, while it still holds: nobody waits for that. */
export const renewAfterMs = 35_000
export const badForMs = 5_000
/** After a restart every agent of a cluster is asked about at once; the API server is asked in turns. */
const maxAsking = 32
const maxWaiting = 4096

interface Good<T> {
  readonly value: T
  readonly untilMs: number
  readonly renewAtMs: number
}

interface Bad {
  readonly error: PulltraceError
  readonly untilMs: number
}

/**
 * What was said about each token lately. Keyed by hashes, so that a dump tells no token. Of one token
 * at most one question is under way. Good and bad answers have room of their own: made-up tokens push no agent out.
 */
export class VerdictCache<T> {
  readonly #parts: VerdictParts<T>
  readonly #maxTokens: number
  readonly #good = new Map<string, Good<T>>()
  readonly #bad = new Map<string, Bad>()
  readonly #asking = new Map<string, Promise<T>>()
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(parts: VerdictParts<T>) {
    this.#parts = parts
    this.#maxTokens = parts.maxTokens ?? 40_000
  }

  /** At once for a token that is known, else a promise. Throws, or rejects, with what `ask` threw. */
  of(token: string): T | Promise<T> {
    const key = hash('sha256', token, 'base64url')
    const nowMs = this.#parts.clock.monotonic()
    const good = this.#good.get(key)
    if (good !== undefined && nowMs < good.untilMs) {
      if (nowMs >= good.renewAtMs) this.#ask(key, token).catch(() => {})
      return good.value
    }
    const bad = this.#bad.get(key)
    if (bad !== undefined && nowMs < bad.untilMs) throw bad.error
    return this.#ask(key, token)
  }

  #ask(key: string, token: string): Promise<T> {
    const asked = this.#asking.get(key)
    if (asked !== undefined) return asked
    const asking = this.#inTurn(key, token).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #inTurn(key: string, token: string): Promise<T> {
    if (this.#running < maxAsking) this.#running++
    else await this.#turn()
    try {
      return await this.#decide(key, token)
    } finally {
      const next = this.#waiting.shift()
      // Whoever is next takes over this turn, so that no third comes between.
      if (next === undefined) this.#running--
      else next()
    }
  }

  async #turn(): Promise<void> {
    if (this.#waiting.length >= maxWaiting) {
      throw new PulltraceError(Code.Unavailable, `${maxWaiting} callers wait to be recognised`, {
        retryAfterSeconds: 2,
      })
    }
    await new Promise<void>(resolve => this.#waiting.push(resolve))
  }

  async #decide(key: string, token: string): Promise<T> {
    const { ask, clock } = this.#parts
    // From before the question: the answer may have been true only then.
    const askedMs = clock.monotonic()
    try {
      const { value, expiresAtMs = Number.POSITIVE_INFINITY } = await ask(token)
      const untilMs = askedMs + Math.min(goodForMs, expiresAtMs - clock.now())
      this.#bad.delete(key)
      keep(this.#good, key, { value, untilMs, renewAtMs: askedMs + renewAfterMs }, this.#maxTokens)
      return value
    } catch (reason) {
      const error = PulltraceError.from(reason)
      if (error.code === Code.Unauthenticated || error.code === Code.PermissionDenied) {
        this.#good.delete(key)
        keep(this.#bad, key, { error, untilMs: clock.monotonic() + badForMs }, this.#maxTokens)
      }
      throw error
    }
  }
}

/** The oldest go first; an answer that is renewed becomes the newest. */
function keep<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}
