import type * as content from '../../proto/generated/containerd/services/content/v1/content.ts'
import type { Image } from '../../proto/generated/containerd/services/images/v1/images.ts'
import type * as leases from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { Kind, type Info as SnapshotInfo } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import type { Envelope } from '../../proto/generated/containerd/types/event.ts'
import type { Timestamp } from '../../proto/generated/google/protobuf/timestamp.ts'
import type { Blob, ImageRecord, Ingest, Lease, RuntimeEvent, Snapshot } from './containerd-namespace.ts'

export const leaseOf = ({ id, createdMs, labels }: Lease): leases.Lease => ({
  id,
  createdAt: timestampOf(createdMs),
  labels,
})

export const blobOf = ({ digest, size, createdMs, updatedMs, labels }: Blob): content.Info => ({
  digest,
  size,
  createdAt: timestampOf(createdMs),
  updatedAt: timestampOf(updatedMs),
  labels,
})

/** `expected` is always empty in what containerd 1.6 and 2.4 list. */
export const ingestOf = ({ ref, startedMs, updatedMs, offset, total }: Ingest): content.Status => ({
  ref,
  startedAt: timestampOf(startedMs),
  updatedAt: timestampOf(updatedMs),
  offset,
  total,
  expected: '',
})

export const imageOf = ({ name, target, createdMs, updatedMs, labels }: ImageRecord): Image => ({
  name,
  target: { mediaType: target.mediaType, digest: target.digest, size: target.size },
  createdAt: timestampOf(createdMs),
  updatedAt: timestampOf(updatedMs),
  labels,
})

export const snapshotOf = ({ key, parent, kind, createdMs, updatedMs, labels }: Snapshot): SnapshotInfo => ({
  name: key,
  parent,
  kind: kind === 'active' ? Kind.ACTIVE : Kind.COMMITTED,
  createdAt: timestampOf(createdMs),
  updatedAt: timestampOf(updatedMs),
  labels,
})

export const envelopeOf = ({ timestampMs, namespace, topic, typeUrl, value }: RuntimeEvent): Envelope => ({
  timestamp: timestampOf(timestampMs),
  namespace,
  topic,
  event: { typeUrl, value: Buffer.from(value) },
})

function timestampOf(epochMs: number): Timestamp {
  const seconds = Math.floor(epochMs / 1000)
  return { seconds, nanos: Math.round((epochMs - seconds * 1000) * 1e6) }
}
