import { ContentCreate } from '../../proto/generated/containerd/events/content.ts'
import { ImageCreate, ImageUpdate } from '../../proto/generated/containerd/events/image.ts'
import { SnapshotCommit, SnapshotPrepare } from '../../proto/generated/containerd/events/snapshot.ts'
import { collectGarbage } from './garbage.ts'
import type { Descriptor } from './image.ts'

export type Labels = Record<string, string>

interface Dated {
  readonly createdMs: number
  updatedMs: number
  readonly labels: Labels
}
export interface Blob extends Dated {
  readonly digest: string
  readonly size: number
  /** Layers have none. */
  readonly bytes: Buffer | undefined
}
export interface Ingest {
  readonly ref: string
  readonly startedMs: number
  updatedMs: number
  offset: number
  readonly total: number
  /** Its bytes are not what its digest says, which shows when the last one is there. */
  spoiled: boolean
}
export interface Snapshot extends Dated {
  readonly key: string
  readonly parent: string
  readonly snapshotter: string
  readonly kind: 'active' | 'committed'
}
export interface ImageRecord extends Dated {
  readonly name: string
  readonly target: Descriptor
}
export interface Resource {
  readonly type: string
  readonly id: string
}
export interface Lease {
  readonly id: string
  readonly createdMs: number
  readonly labels: Labels
  /** By `<type> <id>`. */
  readonly resources: Map<string, Resource>
}
export interface RuntimeEvent {
  readonly timestampMs: number
  readonly namespace: string
  readonly topic: string
  readonly typeUrl: string
  readonly value: Uint8Array
}

/** The usual one, and a remote one: what it has of a layer it fetches when a file is read. */
export const snapshotters = ['overlayfs', 'stargz'] as const
export type Snapshotter = (typeof snapshotters)[number]
const usual: Snapshotter = 'overlayfs'
export const snapshotTypeOf = ({ snapshotter }: Pick<Snapshot, 'snapshotter'>) => `snapshots/${snapshotter}`

/** What the metadata of one containerd namespace holds, and the events that its changes send. Time is `now`. */
export class ContainerdNamespace {
  readonly name: string
  readonly blobs = new Map<string, Blob>()
  readonly ingests = new Map<string, Ingest>()
  readonly snapshots = new Map<string, Snapshot>()
  readonly images = new Map<string, ImageRecord>()
  readonly leases = new Map<string, Lease>()
  readonly #locks = new Map<string, Lease>()
  readonly #now: () => number
  readonly #send: (event: RuntimeEvent) => void

  constructor(name: string, now: () => number, send: (event: RuntimeEvent) => void) {
    this.name = name
    this.#now = now
    this.#send = send
  }

  /** True when the pull of this lease has the lock, from now on or already. */
  lock(name: string, owner: Lease): boolean {
    const holder = this.#locks.get(name)
    if (!holder) this.#locks.set(name, owner)
    return !holder || holder === owner
  }

  unlock(name: string, owner: Lease): void {
    if (this.#locks.get(name) === owner) this.#locks.delete(name)
  }

  unlockAll(owner: Lease): void {
    for (const [name, holder] of this.#locks) if (holder === owner) this.#locks.delete(name)
  }

  addLease(id: string, labels: Labels): Lease {
    const lease = { id, createdMs: this.#now(), labels, resources: new Map() }
    this.leases.set(id, lease)
    return lease
  }

  hold(lease: Lease, type: string, id: string): void {
    lease.resources.set(`${type} ${id}`, { type, id })
  }

  /** Finds what an earlier writer of the same ref left, as containerd does: `offset` may be above 0. */
  openIngest(lease: Lease, ref: string, total: number): Ingest {
    const now = this.#now()
    const found = this.ingests.get(ref)
    const ingest = found ?? { ref, startedMs: now, updatedMs: now, offset: 0, total, spoiled: false }
    this.ingests.set(ref, ingest)
    this.hold(lease, 'ingests', ref)
    return ingest
  }

  writeIngest(ingest: Ingest, offset: number): void {
    if (ingest.offset === offset) return
    ingest.offset = offset
    ingest.updatedMs = this.#now()
  }

  commitIngest(lease: Lease, ingest: Ingest, digest: string, bytes?: Buffer): Blob {
    const now = this.#now()
    const size = ingest.total
    const blob: Blob = { digest, size, createdMs: now, updatedMs: now, labels: {}, bytes }
    this.ingests.delete(ingest.ref)
    lease.resources.delete(`ingests ${ingest.ref}`)
    this.blobs.set(digest, blob)
    this.hold(lease, 'content', digest)
    this.#emit('/content/create', 'containerd.events.ContentCreate', ContentCreate.encode({ digest, size }).finish())
    return blob
  }

  label(thing: Dated, labels: Readonly<Labels>): void {
    Object.assign(thing.labels, labels)
    thing.updatedMs = this.#now()
  }

  prepareSnapshot(lease: Lease, key: string, parent: string, labels: Labels): void {
    const now = this.#now()
    const snapshot: Snapshot = {
      key,
      parent,
      snapshotter: usual,
      kind: 'active',
      createdMs: now,
      updatedMs: now,
      labels,
    }
    this.snapshots.set(key, snapshot)
    this.hold(lease, snapshotTypeOf(snapshot), key)
    const value = SnapshotPrepare.encode({ key, parent, snapshotter: usual }).finish()
    this.#emit('/snapshot/prepare', 'containerd.events.SnapshotPrepare', value)
  }

  commitSnapshot(lease: Lease, key: string, name: string): void {
    const { parent, labels } = this.snapshots.get(key) ?? { parent: '', labels: {} }
    this.#forgetSnapshot(lease, key)
    this.#addCommitted(lease, name, parent, usual, labels)
    const value = SnapshotCommit.encode({ key, name, snapshotter: usual }).finish()
    this.#emit('/snapshot/commit', 'containerd.events.SnapshotCommit', value)
  }

  /** A remote snapshotter had the layer already: it is there at once, and no event tells of it. */
  addRemoteSnapshot(lease: Lease, name: string, parent: string): void {
    this.#addCommitted(lease, name, parent, 'stargz', { 'containerd.io/snapshot.ref': name })
  }

  #addCommitted(lease: Lease, key: string, parent: string, snapshotter: Snapshotter, labels: Labels): void {
    const now = this.#now()
    const snapshot: Snapshot = { key, parent, snapshotter, kind: 'committed', createdMs: now, updatedMs: now, labels }
    this.snapshots.set(key, snapshot)
    this.hold(lease, snapshotTypeOf(snapshot), key)
  }

  removeSnapshot(lease: Lease, key: string): void {
    this.#forgetSnapshot(lease, key)
    // SnapshotRemove and SnapshotPrepare both have the key as field 1.
    const value = SnapshotPrepare.encode({ key, parent: '', snapshotter: usual }).finish()
    this.#emit('/snapshot/remove', 'containerd.events.SnapshotRemove', value)
  }

  #forgetSnapshot(lease: Lease, key: string): void {
    this.snapshots.delete(key)
    lease.resources.delete(`snapshots/${usual} ${key}`)
  }

  /** Creates the record, or points it to another target. */
  saveImage(name: string, target: Descriptor, labels: Labels): void {
    const now = this.#now()
    const createdMs = this.images.get(name)?.createdMs
    this.images.set(name, { name, target, labels, createdMs: createdMs ?? now, updatedMs: now })
    if (createdMs === undefined) {
      const value = ImageCreate.encode({ name, labels }).finish()
      this.#emit('/images/create', 'containerd.services.images.v1.ImageCreate', value)
    } else {
      const value = ImageUpdate.encode({ name, labels }).finish()
      this.#emit('/images/update', 'containerd.services.images.v1.ImageUpdate', value)
    }
  }

  removeImage(name: string): void {
    if (!this.images.delete(name)) return
    // ImageDelete and ImageCreate both have the name as field 1.
    const value = ImageCreate.encode({ name, labels: {} }).finish()
    this.#emit('/images/delete', 'containerd.services.images.v1.ImageDelete', value)
  }

  collectGarbage(): void {
    collectGarbage(this)
  }

  #emit(topic: string, typeUrl: string, value: Uint8Array): void {
    this.#send({ timestampMs: this.#now(), namespace: this.name, topic, typeUrl, value })
  }
}
