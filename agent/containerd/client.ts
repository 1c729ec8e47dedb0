import { Code } from '../../core/lib/errors.ts'
import type { Info as BlobInfo } from '../../proto/generated/containerd/services/content/v1/content.ts'
import type { Image } from '../../proto/generated/containerd/services/images/v1/images.ts'
import type { Lease, Resource } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import type { Info as SnapshotInfo } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import type { Envelope } from '../../proto/generated/containerd/types/event.ts'
import { fromGrpc } from './errors.ts'
import { GrpcConnection, type Method } from './grpc.ts'
import { GrpcFailure, grpcStatus } from './grpc-failure.ts'
import { type Ingest, ingestsIn } from './ingests.ts'
import { type ReadPath, readMethods } from './read-methods.ts'
import { withSameAnswer } from './same-answer.ts'

export type { BlobInfo, Envelope, Image, Ingest, Lease, Resource, SnapshotInfo }

/**
 * The read calls of one containerd. Every call has a deadline and names its containerd
 * namespace; what is not there is `undefined`, every other failure a PulltraceError.
 */
export interface ContainerdClient {
  namespaces(): Promise<readonly string[]>
  /** Asks at each call; the same array while the answer is the same. What this takes to remember goes with the function. */
  leasesOf(namespace: string): () => Promise<readonly Lease[]>
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

/**
 * Snapshotters are named by what images and leases remember. One that is no longer loaded (containerd then says that the
 * argument is wrong), or whose own program is away, holds nothing that can be seen: it must not hide the others.
 */
function isOfSnapshotter({ cause }: Error): boolean {
  if (!(cause instanceof GrpcFailure) || !cause.answered) return false
  return [grpcStatus.notFound, grpcStatus.invalidArgument, grpcStatus.unavailable].some(code => code === cause.code)
}

/** Of each ingest the agent reads two fields of six. */
const listIngests = { ...readMethods.ingests, responseDeserialize: ingestsIn }

export function openContainerd(socket: string): ContainerdClient {
  const connection = new GrpcConnection(socket, maxAnswerBytes, Object.values(readMethods))
  const failed = (path: string) => (reason: unknown) => {
    throw fromGrpc(path, socket, reason)
  }
  const ask = <Request, Answer>(method: Method<Request, Answer, ReadPath>, namespace: string, request: Request) =>
    connection.ask(method, { namespace, request, deadlineMs: callDeadlineMs }).catch(failed(method.path))
  const orUndefined = <T>(promise: Promise<T>): Promise<T | undefined> =>
    promise.catch(error => {
      if (error.code === Code.NotFound) return undefined
      throw error
    })

  const listNamespaces = withSameAnswer(readMethods.namespaces)

  return {
    namespaces: async () => (await ask(listNamespaces, '', {})).namespaces.map(({ name }) => name),
    leasesOf(namespace) {
      const list = withSameAnswer(readMethods.leases)
      return async () => (await ask(list, namespace, { filters: [] })).leases
    },
    resources: (namespace, id) =>
      orUndefined(ask(readMethods.resources, namespace, { id }).then(({ resources }) => resources)),
    ingests: namespace => ask(listIngests, namespace, { filters: [] }),
    blob: (namespace, digest) => orUndefined(ask(readMethods.blob, namespace, { digest }).then(({ info }) => info)),
    readBlob(namespace, digest, maxBytes) {
      const chunks: Buffer[] = []
      let bytes = 0
      const reading = connection.call(readMethods.readBlob, {
        namespace,
        request: { digest, offset: 0, size: 0 },
        deadlineMs: callDeadlineMs,
        onAnswer({ data }) {
          bytes += data.byteLength
          if (bytes <= maxBytes) chunks.push(data)
          else reading.cancel()
        },
      })
      // One that is too long may still end well: its end can be there before it is cancelled.
      const whole = reading.ended.then(
        () => (bytes > maxBytes ? undefined : Buffer.concat(chunks)),
        reason => (bytes > maxBytes ? undefined : failed(readMethods.readBlob.path)(reason)),
      )
      return orUndefined(whole)
    },
    image: (namespace, name) => orUndefined(ask(readMethods.image, namespace, { name }).then(({ image }) => image)),
    imagesOf: async (namespace, digest) =>
      (await ask(readMethods.images, namespace, { filters: [`target.digest==${digest}`] })).images,
    snapshot: (namespace, snapshotter, key) =>
      ask(readMethods.snapshot, namespace, { snapshotter, key }).then(
        ({ info }) => info,
        error => {
          if (isOfSnapshotter(error)) return undefined
          throw error
        },
      ),
    version: async () => (await ask(readMethods.version, '', {})).version,
    subscribe(topics, onEvent, onEnd) {
      const filters = topics.map(topic => `topic==${JSON.stringify(topic)}`)
      const stream = connection.call(readMethods.subscribe, {
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
