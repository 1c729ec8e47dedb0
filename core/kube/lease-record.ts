import type { V1Lease } from './objects.ts'

/** What a Lease says of who leads. */
export interface LeaseRecord {
  readonly holder: string
  readonly leaseMs: number
  readonly renewedAt: string
  readonly acquiredAt: string
  readonly transitions: number
}

export function recordOf({ spec }: V1Lease): LeaseRecord {
  return {
    holder: spec?.holderIdentity ?? '',
    leaseMs: (spec?.leaseDurationSeconds ?? 0) * 1000,
    renewedAt: spec?.renewTime ?? '',
    acquiredAt: spec?.acquireTime ?? '',
    transitions: spec?.leaseTransitions ?? 0,
  }
}

/** Times in a Lease have six decimals (`MicroTime`). */
export const microTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z')

export function specOf(record: LeaseRecord): NonNullable<V1Lease['spec']> {
  return {
    holderIdentity: record.holder,
    leaseDurationSeconds: Math.round(record.leaseMs / 1000),
    renewTime: record.renewedAt,
    acquireTime: record.acquiredAt,
    leaseTransitions: record.transitions,
  }
}

/**
 * The record with which `identity` leads from now on; undefined while somebody else does. Whether a lease has run
 * out is judged by our own clock, from when we saw it change last: clocks of machines differ, and a holder whose
 * clock is slow must not lose what it holds.
 */
export function takeover(
  seen: { readonly record: LeaseRecord; readonly unchangedMs: number } | undefined,
  identity: string,
  leaseMs: number,
  nowMs: number,
): LeaseRecord | undefined {
  const now = microTime(nowMs)
  const record = seen?.record
  if (record?.holder === identity) return { ...record, leaseMs, renewedAt: now }
  const isFree = !seen || record?.holder === '' || seen.unchangedMs > seen.record.leaseMs
  if (!isFree) return undefined
  const transitions = record === undefined ? 0 : record.transitions + 1
  return { holder: identity, leaseMs, renewedAt: now, acquiredAt: now, transitions }
}
