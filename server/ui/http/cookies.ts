import type { Context } from 'koa'

export interface CookieOptions {
  /** How long the browser keeps it; absent: until it is closed. Seconds. */
  readonly maxAgeSeconds?: number
  /** True keeps it from scripts, as every session must be. */
  readonly httpOnly: boolean
}

/** Behind TLS, ours or a proxy's that the public address tells of, a cookie is never sent in the clear. */
export const isSecure = (ctx: Context, publicUrl?: string): boolean =>
  'encrypted' in ctx.req.socket || publicUrl?.startsWith('https:') === true

/** With TLS a name that browsers take from this very host only: no sibling can plant a session. */
export const cookieName = (name: string, secure: boolean): string => (secure ? `__Host-${name}` : name)

export function cookieOf(ctx: Context, name: string): string | undefined {
  for (const part of (ctx.req.headers.cookie ?? '').split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === name) return part.slice(at + 1).trim()
  }
  return undefined
}

/** The value must be of base64url characters, dots and the like: nothing is encoded. */
export function setCookie(
  ctx: Context,
  name: string,
  value: string,
  secure: boolean,
  { maxAgeSeconds, httpOnly }: CookieOptions,
): void {
  if (!/^[\w.~:-]*$/.test(value)) throw new TypeError('the value of a cookie must need no encoding')
  const flags = [
    `${name}=${value}`,
    'Path=/',
    'SameSite=Lax',
    ...(maxAgeSeconds === undefined ? [] : [`Max-Age=${maxAgeSeconds}`]),
    ...(httpOnly ? ['HttpOnly'] : []),
    ...(secure ? ['Secure'] : []),
  ]
  ctx.append('Set-Cookie', flags.join('; '))
}

export const clearCookie = (ctx: Context, name: string, secure: boolean): void =>
  setCookie(ctx, name, '', secure, { maxAgeSeconds: 0, httpOnly: true })
