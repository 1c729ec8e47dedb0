import { type CallOptions, type ClientReadableStream, credentials, Metadata, type ServiceError } from '@grpc/grpc-js'
import { Code } from '../../core/lib/errors.ts'
import {
  type Info as BlobInfo,
  ContentClient,
  type Status,
} from '../../proto/generated/containerd/services/content/v1/content.ts'
import { EventsClient } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { type Image, ImagesClient } from '../../proto/generated/containerd/services/images/v1/images.ts'
import { type Lease, LeasesClient, type Resource } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import { NamespacesClient } from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import {
  type Info as SnapshotInfo,
  SnapshotsClient,
} from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { VersionClient } from '../../proto/generated/containerd/services/version/v1/version.ts'
import type { Envelope } from '../../proto/generated/containerd/types/event.ts'
import { fromGrpc } from './errors.ts'

export type { BlobInfo, Envelope, Image, Lease, Resource, SnapshotInfo, Status }

/**
 * The read calls of one containerd. Every call has a deadline and names its containerd
 * namespace; what is not there is `undefined`, every other failure a PulltraceError.
 */
export interface ContainerdClient {
  namespaces(): Promise<readonly string[]>
  leases(namespace: string): Promise<readonly Lease[]>
  resources(namespace: string, leaseId: string): Promise<readonly Resource[] | undefined>
  ingests(namespace: string): Promise<readonly Status[]>
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

const channelOptions = {
  // A restarted containerd must be seen within a second, not after gRPC's usual back-off of up to two minutes.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
  // A node with thousands of image records answers with more than gRPC's usual 4 MiB.
  'grpc.max_receive_message_length': 32 * 1024 * 1024,
  // Counts of calls for a debugger that nobody attaches, kept at each call.
  'grpc.enable_channelz': 0,
  // Every call buffers its messages to be sent again; the next look asks anew anyway.
  'grpc.enable_retries': 0,
}

type Unary<Request, Answer> = (
  request: Request,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, answer: Answer) => void,
) => unknown

export function openContainerd(socket: string): ContainerdClient {
  const address = `unix://${socket}`
  const leases = new LeasesClient(address, credentials.createInsecure(), channelOptions)
  const shared = { ...channelOptions, channelOverride: leases.getChannel() }
  const make = <C>(
    Client: new (address: string, secure: ReturnType<typeof credentials.createInsecure>, options: object) => C,
  ) => new Client(address, credentials.createInsecure(), shared)
  const content = make(ContentClient)
  const images = make(ImagesClient)
  const snapshots = make(SnapshotsClient)
  const events = make(EventsClient)
  const version = make(VersionClient)
  const namespaces = make(NamespacesClient)

  const metadata = new Map<string, Metadata>()
  const inNamespace = (namespace: string): Metadata => {
    const known = metadata.get(namespace)
    if (known) return known
    const made = new Metadata()
    if (namespace !== '') made.set('containerd-namespace', namespace)
    metadata.set(namespace, made)
    return made
  }
  const options = () => ({ deadline: Date.now() + callDeadlineMs })

  const call = <Request, Answer>(name: string, method: Unary<Request, Answer>, namespace: string, request: Request) =>
    new Promise<Answer>((resolve, reject) => {
      method(request, inNamespace(namespace), options(), (error, answer) => {
        if (error) reject(fromGrpc(name, socket, error))
        else resolve(answer)
      })
    })
  const orUndefined = <T>(promise: Promise<T>): Promise<T | undefined> =>
    promise.catch(error => {
      if (error.code === Code.NotFound) return undefined
      throw error
    })

  return {
    namespaces: async () => {
      const answer = await call('Namespaces/List', namespaces.list.bind(namespaces), '', {})
      return answer.namespaces.map(({ name }) => name)
    },
    leases: async namespace => (await call('Leases/List', leases.list.bind(leases), namespace, { filters: [] })).leases,
    resources: (namespace, id) =>
      orUndefined(
        call('Leases/ListResources', leases.listResources.bind(leases), namespace, { id }).then(a => a.resources),
      ),
    ingests: async namespace =>
      (await call('Content/ListStatuses', content.listStatuses.bind(content), namespace, { filters: [] })).statuses,
    blob: (namespace, digest) =>
      orUndefined(call('Content/Info', content.info.bind(content), namespace, { digest }).then(a => a.info)),
    readBlob: (namespace, digest, maxBytes) =>
      orUndefined(
        readAll(content.read({ digest, offset: 0, size: 0 }, inNamespace(namespace), options()), maxBytes).catch(
          error => {
            throw fromGrpc('Content/Read', socket, error)
          },
        ),
      ),
    image: (namespace, name) =>
      orUndefined(call('Images/Get', images.get.bind(images), namespace, { name }).then(a => a.image)),
    imagesOf: async (namespace, digest) => {
      const filters = [`target.digest==${digest}`]
      return (await call('Images/List', images.list.bind(images), namespace, { filters })).images
    },
    snapshot: (namespace, snapshotter, key) =>
      orUndefined(
        call('Snapshots/Stat', snapshots.stat.bind(snapshots), namespace, { snapshotter, key }).then(a => a.info),
      ),
    version: async () => (await call('Version/Version', version.version.bind(version), '', {})).version,
    subscribe(topics, onEvent, onEnd) {
      const stream = events.subscribe({ filters: topics.map(topic => `topic==${JSON.stringify(topic)}`) })
      let ended = false
      const end = () => {
        if (ended) return
        ended = true
        onEnd()
      }
      stream.on('data', onEvent)
      // How it ended does not matter: the looks go on without it, and tell when containerd is away.
      stream.on('error', end)
      stream.on('end', end)
      return { cancel: () => stream.cancel() }
    },
    close: () => leases.close(),
  }
}

function readAll(stream: ClientReadableStream<{ data: Buffer }>, maxBytes: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    stream.on('data', ({ data }: { data: Buffer }) => {
      bytes += data.byteLength
      chunks.push(data)
      if (bytes <= maxBytes) return
      resolve(undefined)
      stream.cancel()
    })
    // After a cancel this comes too, and settles nothing any more.
    stream.on('error', reject)
    stream.on('end', () => resolve(Buffer.concat(chunks)))
  })
}
