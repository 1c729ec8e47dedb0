import { Code } from '../../core/lib/errors.ts'
import { type Info as BlobInfo, ContentService } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { EventsService } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { type Image, ImagesService } from '../../proto/generated/containerd/services/images/v1/images.ts'
import {
  type Lease,
  LeasesService,
  type ListRequest,
  type ListResponse,
  type Resource,
} from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { NamespacesService } from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import {
  type Info as SnapshotInfo,
  SnapshotsService,
} from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { VersionService } from '../../proto/generated/containerd/services/version/v1/version.ts'
import type { Envelope } from '../../proto/generated/containerd/types/event.ts'
import { fromGrpc } from './errors.ts'
import { GrpcConnection, type Method } from './grpc.ts'
import { type Ingest, ingestsIn } from './ingests.ts'
import { withSameAnswer } from './same-answer.ts'

export type { BlobInfo, Envelope, Image, Ingest, Lease, Resource, SnapshotInfo }

/**
 * The read calls of one containerd. Every call has a deadline and names its containerd
 * namespace; what is not there is `undefined`, every other failure a PulltraceError.
 */
export interface ContainerdClient {
  namespaces(): Promise<readonly string[]>
  /** The same array while the answer is the same. */
  leases(namespace: string): Promise<readonly Lease[]>
  resources(namespace: string, leaseId: string): Promise<readonly Resource[] | undefined>
  ingests(namespace: string): Promise<readonly Ingest[]>
  blob(namespace: string, digest: string): Promise<BlobInfo | undefined>
  /** Undefined also when the blob has more than `maxBytes`. */
  readBlob(namespace: string, digest: string, maxBytes: number): Promise<Buffer | undefined>
  image(namespace: string, name: string): Promise<Image | undefined>
  imagesOf(namespace: string, digest: string): Promise<readonly Image[]>
  snapshot(namespace: string, snapshotter: string, key: string): Promise<SnapshotInfo | undefined>
  version(): Promise<string>
  /** Of all namespaces, until it ends or fails; `onEnd` comes exactly once. */
  subscribe(topics: readonly string[], onEvent: (event: Envelope) => void, onEnd: () => void): { cancel(): void }
  close(): void
}

/** A slow disk holds containerd's database for seconds; longer than this and the look is given up. */
export const callDeadlineMs = 5_000

/** A node with thousands of image records answers with more than gRPC's usual 4 MiB. */
const maxAnswerBytes = 32 * 1024 * 1024

/** Of each ingest the agent reads two fields of six. */
const listIngests = { ...ContentService.listStatuses, responseDeserialize: ingestsIn }

export function openContainerd(socket: string): ContainerdClient {
  const connection = new GrpcConnection(socket, maxAnswerBytes)
  const failed = (path: string) => (reason: unknown) => {
    throw fromGrpc(path, socket, reason)
  }
  const ask = <Request, Answer>(method: Method<Request, Answer>, namespace: string, request: Request) =>
    connection.ask(method, { namespace, request, deadlineMs: callDeadlineMs }).catch(failed(method.path))
  const orUndefined = <T>(promise: Promise<T>): Promise<T | undefined> =>
    promise.catch(error => {
      if (error.code === Code.NotFound) return undefined
      throw error
    })

  const listNamespaces = withSameAnswer(NamespacesService.list)
  const listLeases = new Map<string, Method<ListRequest, ListResponse>>()
  const listLeasesOf = (namespace: string) => {
    const known = listLeases.get(namespace)
    if (known) return known
    const made = withSameAnswer(LeasesService.list)
    listLeases.set(namespace, made)
    return made
  }

  return {
    namespaces: async () => (await ask(listNamespaces, '', {})).namespaces.map(({ name }) => name),
    leases: async namespace => (await ask(listLeasesOf(namespace), namespace, { filters: [] })).leases,
    resources: (namespace, id) =>
      orUndefined(ask(LeasesService.listResources, namespace, { id }).then(({ resources }) => resources)),
    ingests: namespace => ask(listIngests, namespace, { filters: [] }),
    blob: (namespace, digest) => orUndefined(ask(ContentService.info, namespace, { digest }).then(({ info }) => info)),
    readBlob(namespace, digest, maxBytes) {
      const chunks: Buffer[] = []
      let bytes = 0
      const reading = connection.call(ContentService.read, {
        namespace,
        request: { digest, offset: 0, size: 0 },
        deadlineMs: callDeadlineMs,
        onAnswer({ data }) {
          bytes += data.byteLength
          if (bytes <= maxBytes) chunks.push(data)
          else reading.cancel()
        },
      })
      const whole = reading.ended.then(
        () => Buffer.concat(chunks),
        reason => (bytes > maxBytes ? undefined : failed(ContentService.read.path)(reason)),
      )
      return orUndefined(whole)
    },
    image: (namespace, name) => orUndefined(ask(ImagesService.get, namespace, { name }).then(({ image }) => image)),
    imagesOf: async (namespace, digest) =>
      (await ask(ImagesService.list, namespace, { filters: [`target.digest==${digest}`] })).images,
    snapshot: (namespace, snapshotter, key) =>
      orUndefined(ask(SnapshotsService.stat, namespace, { snapshotter, key }).then(({ info }) => info)),
    version: async () => (await ask(VersionService.version, '', {})).version,
    subscribe(topics, onEvent, onEnd) {
      const filters = topics.map(topic => `topic==${JSON.stringify(topic)}`)
      const stream = connection.call(EventsService.subscribe, {
        namespace: '',
        request: { filters },
        onAnswer: onEvent,
      })
      // How it ended does not matter: the looks go on without it, and tell when containerd is away.
      stream.ended.then(onEnd, onEnd)
      return { cancel: stream.cancel }
    },
    close: () => connection.close(),
  }
}
