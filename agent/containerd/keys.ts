import type { LeaseKey } from '../source.ts'
import type { Lease } from './client.ts'

interface Timestamp {
  readonly seconds: number
  readonly nanos: number
}

export const msOf = ({ seconds, nanos }: Timestamp): number => seconds * 1000 + nanos / 1e6

/** Exact, for identities: a Date would lose the nanoseconds. */
export const exactOf = ({ seconds, nanos }: Timestamp): string =>
  `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(nanos).padStart(9, '0')}Z`

const epoch: Timestamp = { seconds: 0, nanos: 0 }

export function leaseKeyOf(namespace: string, lease: Lease): LeaseKey {
  const created = lease.createdAt ?? epoch
  return { namespace, leaseId: lease.id, createdAt: exactOf(created), createdMs: msOf(created) }
}

/** Unique on this runtime over time: lease ids alone are used again. */
export const nameOf = ({ namespace, leaseId, createdAt }: LeaseKey): string => `${namespace}/${leaseId}/${createdAt}`

/** containerd 2.4.2, core/leases/id.go: the nanoseconds of the second, a dash, three random bytes. Same in 1.6. */
const clientId = /^\d{1,9}-[A-Za-z0-9_-]{4}$/
const expiryLabel = 'containerd.io/gc.expire'
const dayMs = 24 * 60 * 60 * 1000

/** Made as clients make the lease of one operation: such an id, and one label, an expiry a day ahead. */
export function looksLikePull(lease: Lease): boolean {
  const labels = Object.keys(lease.labels)
  if (!clientId.test(lease.id) || labels.length !== 1 || labels[0] !== expiryLabel || !lease.createdAt) return false
  const aheadMs = Date.parse(lease.labels[expiryLabel]!) - msOf(lease.createdAt)
  return Math.abs(aheadMs - dayMs) < 60_000
}

/** It belongs to something that lasts, such as a pod; a client's operation has an end by which containerd collects it. */
export const isLasting = (lease: Lease): boolean => lease.labels[expiryLabel] === undefined

/** BuildKit keeps leases of its own for days; they hold parts of images, and are never a pull. */
export const belongsToBuildKit = (lease: Lease): boolean =>
  Object.keys(lease.labels).some(label => label.startsWith('buildkit/'))

/** containerd 2.4.2, core/remotes/handlers.go, MakeRefKey; the same prefixes in 1.6. */
const pullRef = /^(?:manifest|index|layer|config)-(?:.*@)?(sha(?:256|384|512):[0-9a-f]+)$/

/** The digest that a pull's ingest will have; undefined for ingests of imports and builds. */
export const digestOfRef = (ref: string): string | undefined => pullRef.exec(ref)?.[1]

const sourceLabel = 'containerd.io/distribution.source.'

/** `host/repository` of every registry a blob is known to be in; hosts come without their port. */
export function repositoriesOf(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels)
    .filter(([name]) => name.startsWith(sourceLabel))
    .flatMap(([name, value]) => value.split(',').map(repository => `${name.slice(sourceLabel.length)}/${repository}`))
}

/** Set on an index and on a manifest as soon as its children are known, and on nothing else while it is pulled. */
export const hasChildren = (labels: Readonly<Record<string, string>>): boolean =>
  Object.keys(labels).some(name => name.startsWith('containerd.io/gc.ref.content.'))

const snapshotLabel = 'containerd.io/gc.ref.snapshot.'

/** Which snapshotters hold the image of this config. */
export const snapshottersIn = (labels: Readonly<Record<string, string>>): readonly string[] =>
  Object.keys(labels)
    .filter(name => name.startsWith(snapshotLabel))
    .map(name => name.slice(snapshotLabel.length))
