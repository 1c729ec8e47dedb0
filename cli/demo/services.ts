import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type Server,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js'
import { ContentService } from '../../proto/generated/containerd/services/content/v1/content.ts'
import { type EventsServer, EventsService } from '../../proto/generated/containerd/services/events/v1/events.ts'
import { ImagesService } from '../../proto/generated/containerd/services/images/v1/images.ts'
import { LeasesService } from '../../proto/generated/containerd/services/leases/v1/leases.ts'
import {
  type NamespacesServer,
  NamespacesService,
} from '../../proto/generated/containerd/services/namespaces/v1/namespace.ts'
import { SnapshotsService } from '../../proto/generated/containerd/services/snapshots/v1/snapshots.ts'
import { type VersionServer, VersionService } from '../../proto/generated/containerd/services/version/v1/version.ts'
import { ContainerdNamespace, snapshotters } from './containerd-namespace.ts'
import { compileFilters, type FieldOf } from './filter.ts'
import { blobField, eventField, imageField, ingestField, leaseField, snapshotField } from './filter-fields.ts'
import type { DemoRuntime } from './runtime.ts'
import * as wire from './wire.ts'

/** Events that a subscriber may leave unread before its stream is ended; containerd has a bound of its own. */
const maxUnread = 10_000
/** Sizes of messages as containerd 1.6 and 2.4 send them: lists in hundreds, contents in parts. */
const listPage = 100
const readPart = 1024 * 1024

class Fault extends Error {
  readonly code: status

  constructor(code: status, message: string) {
    super(message)
    this.code = code
  }
}

const notFound = (what: string) => new Fault(status.NOT_FOUND, `${what}: not found`)

/** Adds what an outside reader may call. Calls that change something are not there: UNIMPLEMENTED. */
export function addServices(server: Server, runtime: DemoRuntime): void {
  const unary = unaryOf(runtime)
  const stream = streamOf(runtime)
  server.addService(VersionService, {
    version: (_call, answer) => answer(null, { version: runtime.version, revision: 'demo' }),
  } satisfies VersionServer)
  server.addService(NamespacesService, {
    list: (_call, answer) => {
      const namespaces = [...runtime.namespaces.keys()].sort().map(name => ({ name }))
      answer(null, { namespaces })
    },
  } satisfies NamespacesServer)
  server.addService(LeasesService, {
    list: unary(({ leases }, { filters }) => ({
      leases: select([...leases.values()], filters, leaseField).map(wire.leaseOf),
    })),
    listResources: unary(({ leases }, { id }) => {
      const lease = leases.get(id)
      if (!lease) throw notFound(`lease "${id}"`)
      return { resources: [...lease.resources.values()] }
    }),
  })
  server.addService(ContentService, {
    info: unary(({ blobs }, { digest }) => ({ info: wire.blobOf(blobIn(blobs, digest)) })),
    list: stream(({ blobs }, { filters }, send) => {
      for (const info of pagesOf(select([...blobs.values()], filters, blobField).map(wire.blobOf))) {
        send({ info })
      }
    }),
    read: stream(({ blobs }, { digest, offset, size }, send) => {
      const { bytes } = blobIn(blobs, digest)
      if (!bytes) throw new Fault(status.UNIMPLEMENTED, `content ${digest}: layers of the demo have no bytes`)
      const end = size === 0 ? bytes.length : Math.min(bytes.length, offset + size)
      if (offset > bytes.length) throw new Fault(status.OUT_OF_RANGE, `read past object length ${bytes.length} bytes`)
      for (let at = offset; at < end; at += readPart) {
        send({ offset: at, data: bytes.subarray(at, Math.min(end, at + readPart)) })
      }
    }),
    status: unary(({ ingests }, { ref }) => {
      const ingest = ingests.get(ref)
      if (!ingest) throw notFound(`ingest ref "${ref}"`)
      return { status: wire.ingestOf(ingest) }
    }),
    listStatuses: unary(({ ingests }, { filters }) => ({
      statuses: select([...ingests.values()], filters, ingestField).map(wire.ingestOf),
    })),
  })
  server.addService(ImagesService, {
    get: unary(({ images }, { name }) => {
      const image = images.get(name)
      if (!image) throw notFound(`image "${name}"`)
      return { image: wire.imageOf(image) }
    }),
    list: unary(({ images }, { filters }) => ({
      images: select([...images.values()], filters, imageField).map(wire.imageOf),
    })),
  })
  server.addService(SnapshotsService, {
    stat: unary(({ snapshots }, { snapshotter: wanted, key }) => {
      checkSnapshotter(wanted)
      const snapshot = snapshots.get(key)
      if (!snapshot || snapshot.snapshotter !== wanted) throw notFound(`snapshot ${key} does not exist`)
      return { info: wire.snapshotOf(snapshot) }
    }),
    list: stream(({ snapshots }, { snapshotter: wanted, filters }, send) => {
      checkSnapshotter(wanted)
      const own = [...snapshots.values()].filter(({ snapshotter }) => snapshotter === wanted)
      for (const info of pagesOf(select(own, filters, snapshotField).map(wire.snapshotOf))) send({ info })
    }),
  })
  server.addService(EventsService, {
    // Of all namespaces, like containerd's: the envelope names its own.
    subscribe: call => subscribe(runtime, call),
  } satisfies EventsServer)
}

type Envelope = ReturnType<typeof wire.envelopeOf>

function subscribe(runtime: DemoRuntime, call: ServerWritableStream<{ filters: string[] }, Envelope>): void {
  try {
    const wanted = compile(call.request.filters, eventField)
    const subscription = runtime.subscribe(event => {
      if (!wanted(event)) return
      if (call.writableLength < maxUnread) call.write(wire.envelopeOf(event))
      else call.emit('error', new Fault(status.RESOURCE_EXHAUSTED, 'too many events were left unread'))
    })
    // One of them comes, or both: when the client leaves, when the stream fails, when the server stops.
    for (const end of ['cancelled', 'error', 'close']) call.once(end, () => subscription[Symbol.dispose]())
  } catch (reason) {
    call.emit('error', reason)
  }
}

const unaryOf =
  (runtime: DemoRuntime) =>
  <Q, A>(respond: (namespace: ContainerdNamespace, request: Q) => A): handleUnaryCall<Q, A> =>
  (call, answer) => {
    try {
      runtime.advance()
      answer(null, respond(namespaceOf(runtime, call.metadata), call.request))
    } catch (reason) {
      answer(reason as Error)
    }
  }

const streamOf =
  (runtime: DemoRuntime) =>
  <Q, A>(
    respond: (namespace: ContainerdNamespace, request: Q, send: (part: A) => void) => void,
  ): handleServerStreamingCall<Q, A> =>
  call => {
    try {
      runtime.advance()
      respond(namespaceOf(runtime, call.metadata), call.request, part => void call.write(part))
      call.end()
    } catch (reason) {
      call.emit('error', reason)
    }
  }

/** A namespace that was never used reads as an empty one. */
function namespaceOf(runtime: DemoRuntime, metadata: Metadata): ContainerdNamespace {
  const name = String(metadata.get('containerd-namespace')[0] ?? '')
  if (name === '') throw new Fault(status.FAILED_PRECONDITION, 'namespace is required: failed precondition')
  return (
    runtime.namespaces.get(name) ??
    new ContainerdNamespace(
      name,
      () => 0,
      () => {},
    )
  )
}

function blobIn<T>(blobs: ReadonlyMap<string, T>, digest: string): T {
  const blob = blobs.get(digest)
  if (!blob) throw notFound(`content ${digest}`)
  return blob
}

function checkSnapshotter(wanted: string): void {
  if (wanted === '') throw new Fault(status.INVALID_ARGUMENT, 'snapshotter argument missing: invalid argument')
  if (!snapshotters.some(name => name === wanted)) {
    throw new Fault(status.INVALID_ARGUMENT, `snapshotter not loaded: ${wanted}: invalid argument`)
  }
}

function select<T>(objects: readonly T[], filters: readonly string[], fieldOf: FieldOf<T>): T[] {
  return objects.filter(compile(filters, fieldOf))
}

function compile<T>(filters: readonly string[], fieldOf: FieldOf<T>): (object: T) => boolean {
  try {
    return compileFilters(filters, fieldOf)
  } catch (reason) {
    throw new Fault(status.INVALID_ARGUMENT, `${(reason as Error).message}: invalid argument`)
  }
}

/** containerd sends nothing at all for an empty list. */
function pagesOf<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / listPage) }, (_, i) =>
    items.slice(i * listPage, (i + 1) * listPage),
  )
}
