import type { BlobInfo, ContainerdClient, Image, Ingest, Lease, Resource, SnapshotInfo } from './client.ts'

/** A containerd with one namespace that holds what a test puts into it. */
export class FakeContainerd implements ContainerdClient {
  readonly heldBy = new Map<string, { readonly lease: Lease; readonly resources: Resource[] }>()
  readonly statuses = new Map<string, Ingest>()
  readonly stored = new Map<string, { readonly info: BlobInfo; readonly bytes: Buffer }>()
  readonly records = new Map<string, Image>()
  readonly snapshotsByKey = new Map<string, SnapshotInfo>()
  /** Called before each question is answered: what happens in the middle of a look. */
  before: (question: string) => void = () => {}

  lease(id: string, createdMs: number, resources: Resource[]): void {
    const labels = { 'containerd.io/gc.expire': new Date(createdMs + 86_400_000).toISOString() }
    this.heldBy.set(id, { lease: { id, createdAt: timestampOf(createdMs), labels }, resources })
  }

  /** Of a pod, as containerd's CRI makes it. */
  lasting(id: string, createdMs: number, resources: Resource[] = []): void {
    this.heldBy.set(id, { lease: { id, createdAt: timestampOf(createdMs), labels: {} }, resources })
  }

  put(digest: string, createdMs: number, bytes: Buffer, labels: BlobInfo['labels'] = {}): void {
    const createdAt = timestampOf(createdMs)
    const info = { digest, size: bytes.byteLength, createdAt, updatedAt: createdAt, labels }
    this.stored.set(digest, { info, bytes })
  }

  fetching(digest: string, offset: number): void {
    const ref = `layer-${digest}`
    this.statuses.set(ref, { ref, offset })
  }

  commit(chainId: string, createdMs: number): void {
    const createdAt = timestampOf(createdMs)
    this.snapshotsByKey.set(chainId, {
      name: chainId,
      parent: '',
      kind: 3,
      createdAt,
      updatedAt: createdAt,
      labels: {},
    })
  }

  record(name: string, digest: string, updatedMs: number): void {
    const at = timestampOf(updatedMs)
    this.records.set(name, {
      name,
      labels: {},
      target: { mediaType: '', digest, size: 1 },
      createdAt: at,
      updatedAt: at,
    })
  }

  namespaces = async () => ['k8s.io']
  version = async () => '2.4.2'

  leasesOf() {
    return async () => {
      this.before('leases')
      return [...this.heldBy.values()].map(({ lease }) => lease)
    }
  }

  async resources(_namespace: string, leaseId: string) {
    this.before(`resources ${leaseId}`)
    return this.heldBy.get(leaseId)?.resources
  }

  async ingests() {
    this.before('ingests')
    return [...this.statuses.values()]
  }

  async blob(_namespace: string, digest: string) {
    this.before(`blob ${digest}`)
    return this.stored.get(digest)?.info
  }

  readBlob = async (_namespace: string, digest: string) => this.stored.get(digest)?.bytes
  image = async (_namespace: string, name: string) => this.records.get(name)

  imagesOf = async (_namespace: string, digest: string) =>
    [...this.records.values()].filter(({ target }) => target?.digest === digest)

  async snapshot(_namespace: string, _snapshotter: string, key: string) {
    this.before(`snapshot ${key}`)
    return this.snapshotsByKey.get(key)
  }

  subscribe = () => ({ cancel() {} })
  close(): void {}
}

const timestampOf = (ms: number) => ({ seconds: Math.floor(ms / 1000), nanos: Math.round((ms % 1000) * 1e6) })
