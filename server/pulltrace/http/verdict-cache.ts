import { hash } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { ReviewTurns } from './review-turns.ts'

export interface Verdict<T> {
  readonly value: T
  /** When the token ends by its own words; milliseconds since the Unix epoch. */
  readonly expiresAtMs: number | undefined
}

export interface VerdictParts<T> {
  /** Throws Unauthenticated or PermissionDenied for a refusal; any other error says nothing about the token. */
  readonly ask: (token: string) => Promise<Verdict<T>>
  /** Throws for a token that is not worth a question. Not called for tokens that are known. */
  readonly check?: (token: string) => void
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
/**
 * For tokens that were never good. After a restart every agent of a cluster is one: the first thousand are known at
 * once, and agents give up after 10 s, so nobody waits for longer than 5 s. More is for whoever makes tokens up.
 */
export const strangers = { maxAtOnce: 32, perSecond: 200, burst: 1000, maxWaiting: 1000 }
const unbounded = Number.MAX_SAFE_INTEGER
/** For tokens that were good when last asked about, of which there are no more than agents and readers. */
const acquaintances = { maxAtOnce: 32, perSecond: unbounded, burst: unbounded, maxWaiting: unbounded }

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
  readonly #strangers: ReviewTurns
  readonly #acquaintances: ReviewTurns

  constructor(parts: VerdictParts<T>) {
    this.#parts = parts
    this.#maxTokens = parts.maxTokens ?? 40_000
    this.#strangers = new ReviewTurns(strangers, parts.clock)
    this.#acquaintances = new ReviewTurns(acquaintances, parts.clock)
  }

  /**
   * At once for a token that is known, else a promise. Throws, or rejects, with what `check` or `ask` threw.
   * `from` is the address of who shows it: of those not known yet, each address gets its share of the questions.
   */
  of(token: string, from = ''): T | Promise<T> {
    const key = hash('sha256', token, 'base64url')
    const nowMs = this.#parts.clock.monotonic()
    const good = this.#good.get(key)
    if (good !== undefined && nowMs < good.untilMs) {
      if (nowMs >= good.renewAtMs) this.#ask(key, token, this.#acquaintances, from).catch(() => {})
      return good.value
    }
    const bad = this.#bad.get(key)
    if (bad !== undefined && nowMs < bad.untilMs) throw bad.error
    // What was good and has lapsed, as of an agent that reports seldom, does not stand behind what is made up.
    if (good !== undefined) return this.#ask(key, token, this.#acquaintances, from)
    this.#parts.check?.(token)
    return this.#ask(key, token, this.#strangers, from)
  }

  #ask(key: string, token: string, turns: ReviewTurns, from: string): Promise<T> {
    const asked = this.#asking.get(key)
    if (asked !== undefined) return asked
    const asking = turns.run(from, () => this.#decide(key, token)).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
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
