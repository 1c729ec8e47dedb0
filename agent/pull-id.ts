import { createHash } from 'node:crypto'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

export interface PullIdentity {
  readonly namespace: string
  readonly leaseId: string
  /** `<seconds since the epoch>.<nine digits>` */
  readonly createdAt: string
}

/**
 * The same for every agent that ever sees this lease: the first 26 characters of the lower-case
 * base32 (RFC 4648) of SHA-256 over node, containerd namespace, lease id and lease creation time,
 * in UTF-8, joined by line feeds, which none of them can hold.
 */
export function pullIdOf(node: string, { namespace, leaseId, createdAt }: PullIdentity): string {
  const hash = createHash('sha256').update([node, namespace, leaseId, createdAt].join('\n')).digest()
  let id = ''
  let bits = 0
  let value = 0
  for (const byte of hash) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5 && id.length < 26) {
      bits -= 5
      id += alphabet[(value >>> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return id
}
