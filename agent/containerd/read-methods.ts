import { ContentService } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { EventsService } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { ImagesService } from '../../proto/generated/containerd/services/images/v1/images.ts'
import { LeasesService } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { NamespacesService } from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import { SnapshotsService } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { VersionService } from '../../proto/generated/containerd/services/version/v1/version.ts'

/**
 * All that the agent may ask containerd; none of it changes anything. The connection is given this list and sends
 * nothing else, since whoever reaches the socket could do everything (docs/threat-model.md).
 */
export const readMethods = {
  blob: ContentService.info,
  readBlob: ContentService.read,
  ingests: ContentService.listStatuses,
  subscribe: EventsService.subscribe,
  image: ImagesService.get,
  images: ImagesService.list,
  leases: LeasesService.list,
  resources: LeasesService.listResources,
  namespaces: NamespacesService.list,
  snapshot: SnapshotsService.stat,
  version: VersionService.version,
} as const

export type ReadPath = (typeof readMethods)[keyof typeof readMethods]['path']
