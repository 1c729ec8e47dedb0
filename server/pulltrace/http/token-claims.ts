/** What a JSON Web Token says of itself. Nothing of it is proved: it words refusals and shortens what is cached, and never lets anyone in. */
export interface TokenClaims {
  readonly audiences: readonly string[]
  /** Milliseconds since the Unix epoch. */
  readonly expiresAtMs: number | undefined
}

/** Undefined for whatever is no JSON Web Token: readers may have other kinds. */
export function claimsOf(token: string): TokenClaims | undefined {
  const [, payload, , ...more] = token.split('.')
  if (payload === undefined || more.length > 0) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
    if (typeof claims !== 'object' || claims === null) return undefined
    const { aud, exp } = claims as { aud?: unknown; exp?: unknown }
    // RFC 7519 section 4.1.3: one audience may stand alone.
    const audiences = (Array.isArray(aud) ? aud : [aud]).filter(item => typeof item === 'string')
    return { audiences, expiresAtMs: typeof exp === 'number' && Number.isFinite(exp) ? exp * 1000 : undefined }
  } catch {
    return undefined
  }
}
