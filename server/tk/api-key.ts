import { createHmac } from 'node:crypto'
import { newApiKey } from '../../core/contract/api-key.ts'
import type { HmacSecret } from './secrets.ts'

/** `tk-v1-<id of the secret it is hashed with>-<256 random bits>`, in lower case. */
export interface ParsedKey {
  readonly text: string
  readonly secretId: string
}

const pattern = /^tk-v1-([0-9a-f]{32})-[0-9a-f]{64}$/i

export const keyForm = "'tk-v1-', 32 hex digits, '-' and 64 hex digits"

/** Undefined when it is not of that form. Upper and lower case are the same. */
export function parseKey(text: string): ParsedKey | undefined {
  // No key is longer: what is not looked at costs nothing.
  if (text.length !== 103) return undefined
  const secretId = pattern.exec(text)?.[1]
  return secretId === undefined ? undefined : { text: text.toLowerCase(), secretId: secretId.toLowerCase() }
}

/** A new key. Nothing keeps it: whoever is to have it must be shown it now. */
export const makeKey = ({ id }: HmacSecret, random?: (bytes: number) => Buffer): ParsedKey => ({
  text: newApiKey(id, random),
  secretId: id,
})

export interface KeyHash {
  readonly secretId: string
  readonly hash: Buffer
}

/**
 * What a key can be stored as: by the secret that it names, else, for a key that was made elsewhere and registered by
 * a file, by each of them.
 */
export function hashesOf(secrets: readonly HmacSecret[], { text, secretId }: ParsedKey): readonly KeyHash[] {
  const named = secrets.filter(({ id }) => id === secretId)
  return (named.length > 0 ? named : secrets).map(({ id, secret }) => ({
    secretId: id,
    hash: createHmac('sha256', secret).update(text).digest(),
  }))
}
