import { createHash } from 'node:crypto'

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** RFC 4648 §6 in lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(value >>> bits) & 31]
    }
  }
  return bits > 0 ? text + alphabet[(value << (5 - bits)) & 31] : text
}

/**
 * The identity of a pull, the same for every agent that ever sees it: 26 characters
 * of base32(SHA-256) over the JSON array of its four parts, so that no part can run
 * into the next. `leaseCreatedAt` is RFC 3339 with the nanoseconds containerd gave.
 */
export function pullIdOf(
  nodeName: string,
  containerdNamespace: string,
  leaseId: string,
  leaseCreatedAt: string,
): string {
  const parts = JSON.stringify([nodeName, containerdNamespace, leaseId, leaseCreatedAt])
  return base32(createHash('sha256').update(parts).digest()).slice(0, 26)
}
