/**
 * What the agent asks of a container runtime, in the agent's words. `agent/containerd`
 * answers it, and test/containerd/conformance.ts is what any runtime behind it must show.
 */
export interface PullSource {
  /**
   * Looks once at every namespace. Rejects with a PulltraceError when the runtime does not
   * answer; then nothing is lost: what went away meanwhile is in `gone` of the next look.
   */
  look(): Promise<RuntimeSnapshot>
  /** What the runtime knows now of a pull that another agent, or an earlier life of this one, saw begin. */
  evidenceOf(pull: { readonly digest: string; readonly startedMs: number }): Promise<GoneLease['evidence'] | undefined>
  /** Name and version, once the runtime has told them. */
  runtime(): { readonly name: string; readonly version: string } | undefined
  /** Calls back when something happened that is worth a look before its time. Returns how to stop. */
  onWake(listener: () => void): () => void
  close(): void
}

export interface RuntimeSnapshot {
  readonly atMs: number
  /** Leases that are pulls, or may be. */
  readonly leases: readonly SeenLease[]
  /** Leases of earlier looks that are no more, each exactly once. */
  readonly gone: readonly GoneLease[]
  /** Images that were pulled entirely between two looks, as far as anyone can tell. */
  readonly found: readonly FoundImage[]
}

export interface LeaseKey {
  /** A containerd namespace. */
  readonly namespace: string
  readonly leaseId: string
  /** Exact: RFC 3339 with nine digits. */
  readonly createdAt: string
  readonly createdMs: number
}

export interface SeenLease extends LeaseKey {
  /** `maybe`: made as a pull's lease is made, and empty so far. */
  readonly kind: 'pull' | 'maybe'
  readonly image: SeenImage | undefined
}

export interface SeenImage {
  /** Of the index when there is one, else of the manifest. */
  readonly digest: string
  /** `host/repository`, the host without its port; several when the registry cannot be told. */
  readonly repositories: readonly string[]
  /** os/architecture[/variant] */
  readonly platform: string | undefined
  /** Distinct, in the manifest's order; undefined until a manifest has been read. */
  readonly layers: readonly SeenLayer[] | undefined
}

/** What the runtime says of one layer, without judging it. */
export interface SeenLayer {
  readonly digest: string
  readonly mediaType: string
  /** Compressed. */
  readonly totalBytes: number
  /** Bytes written so far, while the layer is in flight. */
  readonly ingestOffset: number | undefined
  /** When its blob was complete; undefined while it is not. */
  readonly blobCreatedMs: number | undefined
  /** When its snapshot was committed; undefined while it is not. */
  readonly snapshotCreatedMs: number | undefined
  /** Its snapshot is being filled. */
  readonly extracting: boolean
}

export interface ImageRecord {
  readonly name: string
  readonly updatedMs: number
}

export interface GoneLease extends LeaseKey {
  /**
   * `restarted`: the lease is still listed, but the runtime that worked on it is no more.
   * `other`: it was shown as `maybe`, and turned out to be something else, such as an import.
   */
  readonly because: 'deleted' | 'restarted' | 'other'
  /** As last seen, completed by what could be learned after it went. */
  readonly image: SeenImage | undefined
  readonly evidence: {
    /** Image records that point to this image now. */
    readonly records: readonly ImageRecord[]
    /** Whether each layer has its blob or its snapshot; undefined when there is no manifest to compare with. */
    readonly contentComplete: boolean | undefined
    /** When the snapshot of the last layer was committed. */
    readonly topSnapshotMs: number | undefined
  }
}

export interface FoundImage {
  readonly namespace: string
  /** Exact, as in LeaseKey: when its manifest arrived. */
  readonly manifestCreatedAt: string
  readonly manifestCreatedMs: number
  readonly image: SeenImage
  readonly records: readonly ImageRecord[]
  /** The lease it was pulled under, when one was glimpsed. */
  readonly lease: LeaseKey | undefined
}
