import { createHash, randomBytes } from 'node:crypto'

/** How long a session lasts: without a request, and at most. Milliseconds. */
export interface SessionLife {
  readonly idleMs: number
  readonly mostMs: number
}

const hourMs = 3_600_000

export const shortLife: SessionLife = { idleMs: 12 * hourMs, mostMs: 30 * 24 * hourMs }
/** For who asks to stay signed in. */
export const longLife: SessionLife = { idleMs: 30 * 24 * hourMs, mostMs: 30 * 24 * hourMs }

/** 256 random bits: the value of the cookie. */
export const makeToken = (): string => randomBytes(32).toString('base64url')

/** What the store has of it; undefined when it cannot be a token, so that the store need not be asked. */
export function tokenHashOf(token: string): Uint8Array | undefined {
  if (!/^[\w-]{43}$/.test(token)) return undefined
  return Uint8Array.from(createHash('sha256').update(token).digest())
}
