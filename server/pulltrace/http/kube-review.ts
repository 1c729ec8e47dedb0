import type { KubeApi } from '../../../core/kube/kube-api.ts'
import { KubeError } from '../../../core/kube/kube-error.ts'
import type { V1TokenReviewStatus } from '../../../core/kube/objects.ts'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { Logger } from '../../../core/lib/log.ts'
import { claimsOf, type TokenClaims } from './token-claims.ts'

/** What tokens for this server are meant for. */
export const serverAudience = 'pulltrace-server'

/** Whoever is let in waits for this; agents give up after 10 s. */
const deadlineMs = 5000
/** The API server's clock may be behind ours: only what ended before that needs no question. */
const clocksApartMs = 5 * 60_000

export type KubeUser = NonNullable<V1TokenReviewStatus['user']>
export type ReviewResult = 'allowed' | 'refused' | 'unavailable'

export interface ReviewParts {
  readonly api: Pick<KubeApi, 'tokenReview' | 'subjectAccessReview'>
  /** Called for each question that was decided, not for what is known from the last minute. */
  readonly reviewed: (result: ReviewResult) => void
  readonly clock: Clock
  readonly log: Logger
}

/**
 * Asks the API server. Whatever keeps it from answering is Unavailable, never a refusal: an agent whose
 * token is good must not be told that it is bad because the API server restarts.
 */
export class KubeReview {
  readonly #parts: ReviewParts
  #away = false

  constructor(parts: ReviewParts) {
    this.#parts = parts
  }

  /** Runs questions as one decision, with its figure and its deadline. */
  async decide<T>(questions: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const { reviewed, log } = this.#parts
    try {
      const value = await questions(AbortSignal.timeout(deadlineMs))
      this.#answers()
      reviewed('allowed')
      return value
    } catch (reason) {
      if (reason instanceof PulltraceError) {
        this.#answers()
        reviewed('refused')
        throw reason
      }
      reviewed('unavailable')
      if (!this.#away) log.error('tokens cannot be reviewed', { error: reason, ...fixOf(reason) })
      this.#away = true
      throw unavailable(reason)
    }
  }

  /** Throws Unauthenticated for what is no ServiceAccount's token for `audience` by its own words: no question is due. */
  checkClaims(token: string, audience: string, fix: string): void {
    const claims = claimsOf(token)
    if (claims === undefined) {
      throw new PulltraceError(Code.Unauthenticated, "the token is not a ServiceAccount's", { fix })
    }
    const why = wrongBy(claims, audience, this.#parts.clock.now() - clocksApartMs)
    if (why !== undefined) throw new PulltraceError(Code.Unauthenticated, `the token is not valid: ${why}`, { fix })
  }

  /** The user of a token that the API server knows; throws Unauthenticated. No audience: the API server's own. */
  async userOf(token: string, audience: string | undefined, signal: AbortSignal, fix: string): Promise<KubeUser> {
    const status = await this.#parts.api.tokenReview(token, audience === undefined ? [] : [audience], signal)
    // An authenticator that knows nothing of audiences names none: for us its tokens are meant for another.
    const meant = audience === undefined || status.audiences?.includes(audience) === true
    if (status.authenticated === true && status.user !== undefined && meant) return status.user
    throw new PulltraceError(
      Code.Unauthenticated,
      `the token is not valid${whyNot(token, audience, this.#parts.clock.now())}`,
      { fix },
    )
  }

  async mayGetConfigs(user: KubeUser, signal: AbortSignal): Promise<boolean> {
    const { username, uid, groups, extra } = user
    const { allowed } = await this.#parts.api.subjectAccessReview(
      {
        ...(username !== undefined && { user: username }),
        ...(uid !== undefined && { uid }),
        ...(groups !== undefined && { groups }),
        ...(extra !== undefined && { extra }),
        resourceAttributes: { group: 'pulltrace.dev', resource: 'pulltraceconfigs', verb: 'get' },
      },
      signal,
    )
    return allowed === true
  }

  #answers(): void {
    if (this.#away) this.#parts.log.info('tokens are reviewed again')
    this.#away = false
  }
}

/** From the token's own words where they explain it; the API server's go to nobody who is not let in. */
function whyNot(token: string, audience: string | undefined, nowMs: number): string {
  const claims = claimsOf(token)
  if (claims === undefined) return ''
  return `: ${wrongBy(claims, audience, nowMs) ?? 'the API server does not know it, or whom it was bound to is gone'}`
}

function wrongBy({ audiences, expiresAtMs }: TokenClaims, audience: string | undefined, nowMs: number) {
  if (audience !== undefined && !audiences.includes(audience)) {
    const meant = audiences.map(name => `'${name.slice(0, 100)}'`).slice(0, 3)
    return `it is meant for ${meant.join(', ') || 'nobody'}, not for '${audience}'`
  }
  if (expiresAtMs !== undefined && expiresAtMs < nowMs) return `it ended at ${timeOf(expiresAtMs)}`
  return undefined
}

/** A claim may hold any number, and a Date not. */
function timeOf(ms: number): string {
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? 'no time that there is' : time.toISOString()
}

function unavailable(cause: unknown): PulltraceError {
  const asked = cause instanceof KubeError ? cause.retryAfterMs : undefined
  return new PulltraceError(Code.Unavailable, 'the Kubernetes API server does not say whose the token is', {
    fix: 'try again; the log of pulltrace-server has the cause',
    // Spread, as all that were refused come back.
    retryAfterSeconds: asked === undefined ? 1 + 2 * Math.random() : asked / 1000,
    cause,
  })
}

const fixOf = (reason: unknown) =>
  reason instanceof KubeError && reason.status === 403
    ? {
        fix: "let the server's ServiceAccount create tokenreviews and subjectaccessreviews: ClusterRole 'pulltrace-server'",
      }
    : {}
