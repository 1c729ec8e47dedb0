import { createHash } from 'node:crypto'
import type { Context } from 'koa'

/** A strong validator (RFC 9110 §8.8.3) from whatever makes two answers equal. */
export const etagOf = (...parts: readonly string[]): string =>
  `"${createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 22)}"`

/**
 * Sets the validator and answers 304 when the client has this very answer. To be called
 * before the body is made: that is what a 304 saves.
 */
export function answeredFromCache(ctx: Context, etag: string): boolean {
  ctx.set('ETag', etag)
  ctx.set('Cache-Control', 'private, no-cache')
  // `ctx.fresh` looks at 2xx answers only.
  ctx.status = 200
  if (!ctx.fresh) return false
  ctx.status = 304
  return true
}
