import type { Blob, ImageRecord, Ingest, Lease, RuntimeEvent, Snapshot } from './containerd-namespace.ts'
import type { FieldOf } from './filter.ts'

type Fields = Readonly<Record<string, string | undefined>>

const fieldsOf =
  <T>(fields: (object: T) => Fields, labels: (object: T) => Fields = () => ({})): FieldOf<T> =>
  (object, [field = '', ...rest]) =>
    field === 'labels' ? labels(object)[rest.join('.')] : fields(object)[[field, ...rest].join('.')]

/** The fields that containerd's filters know of each kind of object. */
export const leaseField = fieldsOf<Lease>(
  ({ id }) => ({ id }),
  ({ labels }) => labels,
)
export const blobField = fieldsOf<Blob>(
  ({ digest, size }) => ({ digest, size: String(size) }),
  ({ labels }) => labels,
)
export const ingestField = fieldsOf<Ingest>(({ ref }) => ({ ref }))
export const imageField = fieldsOf<ImageRecord>(
  ({ name, target }) => ({ name, 'target.digest': target.digest, 'target.mediatype': target.mediaType }),
  ({ labels }) => labels,
)
export const snapshotField = fieldsOf<Snapshot>(
  ({ key, kind, parent }) => ({ name: key, kind, parent }),
  ({ labels }) => labels,
)
export const eventField = fieldsOf<RuntimeEvent>(({ topic, namespace }) => ({ topic, namespace }))
