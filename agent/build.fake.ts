import type { GoneLease, LeaseKey, RuntimeSnapshot, SeenImage, SeenLayer, SeenLease } from './source.ts'

/** Builders for tests: a pull that began at `startMs`, with only what a row is about said. */
export const startMs = Date.parse('2026-11-21T10:00:00Z')
const hex = (text: string) => Buffer.from(text).toString('hex').padEnd(64, '0').slice(0, 64)
export const digestOf = (name: string): string => `sha256:${hex(name)}`

export const aLease = (lease: Partial<LeaseKey> = {}): LeaseKey => ({
  namespace: 'k8s.io',
  leaseId: '1-abcd',
  createdAt: '2026-11-21T10:00:00.000000001Z',
  createdMs: startMs,
  ...lease,
})

export const aLayer = (layer: Partial<SeenLayer> = {}): SeenLayer => ({
  digest: digestOf('layer'),
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  totalBytes: 100,
  ingestOffset: undefined,
  blobCreatedMs: undefined,
  snapshotCreatedMs: undefined,
  extracting: false,
  ...layer,
})

export const anImage = (image: Partial<SeenImage> = {}): SeenImage => ({
  digest: digestOf('image'),
  repositories: ['registry.example.com/team/app'],
  platform: 'linux/amd64',
  layers: [aLayer()],
  ...image,
})

export const aPull = (lease: Partial<SeenLease> = {}): SeenLease => ({
  ...aLease(),
  kind: 'pull',
  image: anImage(),
  ...lease,
})

export const aGoneLease = (
  lease: Partial<Omit<GoneLease, 'evidence'>> & { evidence?: Partial<GoneLease['evidence']> } = {},
): GoneLease => ({
  ...aLease(),
  because: 'deleted',
  image: anImage(),
  ...lease,
  evidence: { records: [], contentComplete: true, topSnapshotMs: undefined, ...lease.evidence },
})

export const aLook = (look: Partial<RuntimeSnapshot> = {}): RuntimeSnapshot => ({
  atMs: startMs + 5_000,
  leases: [],
  gone: [],
  found: [],
  ...look,
})
