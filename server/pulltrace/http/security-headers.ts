import type { ServerResponse } from 'node:http'

/**
 * On every answer, errors too. JSON needs no rights at all; pages bring their own policy.
 * No Strict-Transport-Security: it would cover every port of the host, and the metrics listener may be plain.
 */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

const entries = Object.entries(securityHeaders)

/** A policy of its own that a page has set stays. */
export function setSecurityHeaders(response: ServerResponse): void {
  for (const [name, value] of entries) if (!response.hasHeader(name)) response.setHeader(name, value)
}
