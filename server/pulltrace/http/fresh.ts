import { createHash } from 'node:crypto'
import type { Context } from 'koa'

/** A strong validator (RFC 9110 §8.8.3) from whatever makes two answers equal. */
export const etagOf = (...parts: readonly string[]): string =>
  `"${createHash('sha256').update(parts.join('\0')).digest('base64url').slice(0, 22)}"`

/**
 * Sets the validator and answers 304 when the client has this very answer. To be called
 * before the body is made: that is what a 304 saves. Not Koa's `fresh`: that heeds a request's
 * `Cache-Control: no-cache`, which fetch() adds to every If-None-Match of a script.
 */
export function answeredFromCache(ctx: Context, etag: string): boolean {
  ctx.set('ETag', etag)
  ctx.set('Cache-Control', 'private, no-cache')
  if (!holds(ctx.req.headers['if-none-match'], etag)) return false
  ctx.status = 304
  return true
}

/** RFC 9110 §13.1.2: compared weakly, as a proxy that compresses makes validators weak. */
function holds(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some(item => ['*', etag].includes(item.trim().replace(/^W\//, '')))
}
