import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../../core/lib/clock.ts'
import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import type { ReaderAuth, ReaderGrant } from './auth.ts'

/** A working day; then the reader signs in again. Milliseconds. */
export const sessionLifeMs = 12 * 3_600_000
/** Browsers drop larger cookies. Characters. */
const maxCookie = 3800
/** Signed out and remembered; the oldest is forgotten first, as it is the nearest to its end. */
export const maxEnded = 10_000

const [ivBytes, tagBytes] = [12, 16]
const cipher = 'aes-256-gcm'

/**
 * Sessions of readers who signed in with their token. The cookie holds the token, sealed with a key that never leaves
 * the server: a restart signs nobody out, a token that is replaced or revoked ends every session of it at once, and
 * nothing is kept for each. Only sessions that were signed out are remembered, as hashes.
 */
export class Sessions {
  readonly #key: Buffer
  readonly #clock: Pick<Clock, 'now'>
  /** Hash -> when it would have ended by itself. */
  readonly #ended = new Map<string, number>()

  /** `key`: 32 bytes, the same over restarts. */
  constructor(key: Buffer, clock: Pick<Clock, 'now'>) {
    this.#key = key
    this.#clock = clock
  }

  /** A new session, never an old one: what a browser brought before the sign-in is worth nothing after it. */
  seal(authorization: string): string {
    const iv = randomBytes(ivBytes)
    const sealing = createCipheriv(cipher, this.#key, iv)
    const text = JSON.stringify([this.#clock.now() + sessionLifeMs, authorization])
    const sealed = Buffer.concat([sealing.update(text, 'utf8'), sealing.final()])
    const cookie = Buffer.concat([iv, sealing.getAuthTag(), sealed]).toString('base64url')
    if (cookie.length <= maxCookie) return cookie
    throw new PulltraceError(Code.TooLarge, 'the token is too long to be kept in a cookie', {
      bound: `about ${Math.floor(maxCookie * 0.7)} characters`,
    })
  }

  /** The `Authorization` that it was made of; undefined when it is forged, over or signed out. */
  open(cookie: string): string | undefined {
    if (cookie.length > maxCookie || this.#ended.has(hashOf(cookie))) return undefined
    try {
      const bytes = Buffer.from(cookie, 'base64url')
      // Decoding is lenient: of one session there would be texts of which no other was signed out.
      if (bytes.toString('base64url') !== cookie) return undefined
      const opening = createDecipheriv(cipher, this.#key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
      opening.setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
      const text = Buffer.concat([opening.update(bytes.subarray(ivBytes + tagBytes)), opening.final()]).toString('utf8')
      const [endsAtMs, authorization] = JSON.parse(text) as [number, string]
      return endsAtMs > this.#clock.now() ? authorization : undefined
    } catch {
      return undefined
    }
  }

  end(cookie: string): void {
    const now = this.#clock.now()
    for (const [hash, endsAtMs] of this.#ended) if (endsAtMs <= now) this.#ended.delete(hash)
    if (this.open(cookie) === undefined) return
    if (this.#ended.size >= maxEnded) this.#ended.delete(this.#ended.keys().next().value!)
    this.#ended.set(hashOf(cookie), now + sessionLifeMs)
  }
}

const hashOf = (cookie: string) => createHash('sha256').update(cookie).digest('base64url')

/** A session lets in whom its token lets in, for as long as both hold; a header or a ticket goes before it. */
export function orBySession(readers: ReaderAuth, sessions: Sessions): ReaderAuth {
  return credentials => {
    const { session, authorization, ticket, from } = credentials
    if (session === undefined || authorization !== undefined || ticket !== undefined) return readers(credentials)
    const inside = sessions.open(session)
    if (inside === undefined) return readers(credentials)
    const guarded = (grant: ReaderGrant): ReaderGrant => ({
      recheck() {
        if (sessions.open(session) !== undefined) return grant.recheck()
        throw new PulltraceError(Code.Unauthenticated, 'the session has ended', { fix: 'sign in again' })
      },
    })
    const grant = readers({ authorization: inside, from })
    return grant instanceof Promise ? grant.then(guarded) : guarded(grant)
  }
}
