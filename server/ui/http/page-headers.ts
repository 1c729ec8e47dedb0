import type { Context } from 'koa'

/** Files of this host only: no inline script or style, no frame, no other host. */
export const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** `same-origin` for the referrer: a form's origin must be told to its own host, and to nobody else. */
const pageHeaders = {
  'content-security-policy': pagePolicy,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'cache-control': 'no-store',
  vary: 'Cookie',
} as const

/** Answers with a page: its type, policy and the rest. */
export function answerPage(ctx: Context, document: string, status = 200): void {
  for (const [name, value] of Object.entries(pageHeaders)) ctx.set(name, value)
  ctx.status = status
  ctx.type = 'html'
  ctx.body = document
}
