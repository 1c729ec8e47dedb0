import type { FoundImage, GoneLease, SeenLease } from '../source.ts'
import { BlobStore } from './blobs.ts'
import { bury } from './bury.ts'
import type { ContainerdClient } from './client.ts'
import { type Evidence, evidenceFor } from './evidence.ts'
import { type Buried, type FindParts, findImages, notAfter } from './find-images.ts'
import { type Holdings, holdingsOf, together } from './holdings.ts'
import {
  childrenOf,
  type InFlight,
  type LayerMemory,
  newImageMemory,
  readDocuments,
  repositoriesIn,
  rootOf,
  seenImageOf,
} from './image-memory.ts'
import { digestOfRef, isLasting, looksLikePull, nameOf } from './keys.ts'
import { LastingLeases } from './lasting-leases.ts'
import { LeaseList, type Listed } from './lease-list.ts'
import { isOther, type LeaseMemory, newLeaseMemory, resourcesAgeMs, tellOfRecord } from './lease-memory.ts'
import { findSnapshots } from './snapshots.ts'

export interface NamespaceLook {
  readonly leases: readonly SeenLease[]
  readonly gone: readonly GoneLease[]
  readonly found: readonly FoundImage[]
}

/** Since when nothing can have been missed. */
export interface Since {
  /** When this agent began: what was pulled before is another's to tell. */
  readonly bornMs: number
  /** The last look at all namespaces, before this one was known. */
  readonly lookedMs: number | undefined
}

/** What events tell of now. */
export type EventScope = 'blobs and snapshots' | 'snapshots' | 'nothing'

const nothing: NamespaceLook = { leases: [], gone: [], found: [] }

/** Looks at one containerd namespace, and remembers what cannot change. */
export class NamespaceObserver {
  readonly #client: ContainerdClient
  readonly #namespace: string
  readonly #eventScope: () => EventScope
  readonly #blobs: BlobStore
  readonly #list: LeaseList
  readonly #lasting: LastingLeases
  readonly #leases = new Map<string, LeaseMemory>()
  /** Leases that are no pulls, as long as they are listed. */
  readonly #others = new Set<string>()
  readonly #snapshotters = new Set<string>()
  #offsets: ReadonlyMap<string, number> = new Map()
  #find: FindParts

  constructor(client: ContainerdClient, namespace: string, eventScope: () => EventScope, { bornMs, lookedMs }: Since) {
    this.#client = client
    this.#namespace = namespace
    this.#eventScope = eventScope
    this.#blobs = new BlobStore(client, namespace)
    this.#list = new LeaseList(client, namespace)
    this.#lasting = new LastingLeases(client, namespace)
    this.#find = { pending: new Map(), recent: new Map(), glimpsed: new Map(), bornMs, lastLookMs: lookedMs }
  }

  /** Whether leaving it now would lose a pull. */
  get busy(): boolean {
    return this.#leases.size > 0 || this.#find.pending.size > 0
  }

  /** An image record was made or changed. */
  imageChanged(name: string, atMs: number): void {
    this.#find.pending.set(name, atMs)
    for (const lease of this.#leases.values()) tellOfRecord(lease, name, atMs)
  }

  /** A blob was completed, or a snapshot prepared or committed: `name` is its digest or chain id. */
  changed(name: string): void {
    let wanted = false
    for (const lease of this.#leases.values()) {
      const wants = lease.image.layers?.some(({ digest, chainIds }) => digest === name || chainIds.includes(name))
      lease.changed ||= wants ?? true
      wanted ||= wants === true
    }
    if (!wanted) this.#lasting.heard()
  }

  /**
   * `runtimeStartedMs`: pulls that began before are dead, whatever their lease says: their
   * worker is gone, and their lease stays until it expires, a day later.
   */
  async look(atMs: number, runtimeStartedMs: number): Promise<NamespaceLook> {
    notAfter(this.#find, atMs)
    const listed = await this.#list.byName()
    for (const name of this.#others) if (!listed.has(name)) this.#others.delete(name)
    const live = await this.#meet(listed, runtimeStartedMs, atMs)
    if (this.#blobs.large) this.#blobs.forget()
    if (live.size === 0 && this.#leases.size === 0 && this.#find.pending.size === 0) {
      this.#blobs.forget()
      this.#offsets = new Map()
      this.#find.lastLookMs = atMs
      return nothing
    }

    // Ingests before resources: a layer that is done in between is then seen as done, never as lost.
    const offsets = live.size > 0 ? await this.#ingestOffsets() : new Map<string, number>()
    await Promise.all([...live.values()].map(lease => this.#refresh(lease, offsets, atMs)))
    const held = together([...live.values()].map(lease => lease.held))
    const inFlight: InFlight = { offsets, extracting: held.extracting }
    await Promise.all([...live.values()].map(lease => this.#learn(lease, held, offsets)))

    const store = {
      client: this.#client,
      namespace: this.#namespace,
      blobs: this.#blobs,
      snapshotters: this.#snapshotters,
    }
    const buried: Buried[] = []
    for (const [name, lease] of this.#leases) {
      if (live.has(name)) continue
      // What was told before the lease had shown its digest.
      for (const [record, toldMs] of this.#find.pending) tellOfRecord(lease, record, toldMs)
      const others = [...this.#leases.values()].filter(other => other !== lease)
      buried.push(await bury(lease, others, { ...store, runtimeStartedMs, inFlight }))
    }
    const gone = buried.map(({ lease }) => lease)
    const found = await findImages(this.#find, {
      ...store,
      live: [...live.values()],
      buried,
      atMs,
    })

    // Only now: a look that failed on its way is repeated whole, and no ended lease is missed.
    for (const lease of gone) this.#leases.delete(nameOf(lease))
    for (const [name, lease] of live) {
      if (!isOther(lease)) continue
      if (lease.shown) gone.push({ ...lease.key, because: 'other', image: undefined, evidence: noEvidence })
      this.#leases.delete(name)
      this.#others.add(name)
    }
    this.#offsets = offsets
    this.#find.lastLookMs = atMs
    return { leases: [...live.values()].flatMap(lease => this.#seen(lease, inFlight) ?? []), gone, found }
  }

  async evidenceOf(digest: string, startedMs: number, runtimeStartedMs: number): Promise<Evidence | undefined> {
    const image = newImageMemory()
    const blobs = new BlobStore(this.#client, this.#namespace)
    await readDocuments(image, [digest], blobs)
    await readDocuments(image, childrenOf(image), blobs)
    const untilMs = startedMs < runtimeStartedMs ? runtimeStartedMs : Number.POSITIVE_INFINITY
    const evidence = await evidenceFor(this.#client, this.#namespace, image, digest, this.#snapshotters, blobs, untilMs)
    if (image.documents.size === 0 && evidence.records.length === 0) return undefined
    return { ...evidence, records: evidence.records.filter(({ updatedMs }) => updatedMs >= startedMs) }
  }

  /** Remembers new leases; returns those that are worked on. */
  async #meet(
    listed: ReadonlyMap<string, Listed>,
    runtimeStartedMs: number,
    atMs: number,
  ): Promise<Map<string, LeaseMemory>> {
    const worked = [...listed].filter(([name, { key }]) => key.createdMs >= runtimeStartedMs && !this.#others.has(name))
    const lasting = worked.filter(([name, { lease }]) => isLasting(lease) && !this.#leases.has(name))
    const blobsAreTold = this.#eventScope() === 'blobs and snapshots'
    const pulling = await this.#lasting.pulling(
      lasting.map(([, each]) => each),
      atMs,
      blobsAreTold,
    )
    const live = new Map<string, LeaseMemory>()
    for (const [name, { lease, key }] of worked) {
      const known = this.#leases.get(name)
      if (!known && isLasting(lease) && !pulling.has(name)) continue
      const memory = known ?? newLeaseMemory(key, looksLikePull(lease))
      this.#leases.set(name, memory)
      live.set(name, memory)
    }
    return live
  }

  async #ingestOffsets(): Promise<Map<string, number>> {
    const offsets = new Map<string, number>()
    for (const { ref, offset } of await this.#client.ingests(this.#namespace)) {
      const digest = digestOfRef(ref)
      if (digest !== undefined) offsets.set(digest, Math.max(offset, offsets.get(digest) ?? 0))
    }
    return offsets
  }

  /** Asks again only what may hold something else than before: one call for each pull and look is most of the cost. */
  async #refresh(lease: LeaseMemory, offsets: ReadonlyMap<string, number>, atMs: number): Promise<void> {
    const layers = lease.image.layers
    const inFlight = layers?.filter(({ digest }) => offsets.has(digest)).map(({ digest }) => digest) ?? []
    const same = inFlight.length === lease.inFlight.size && inFlight.every(digest => lease.inFlight.has(digest))
    const known = layers !== undefined && lease.image.configsRead > 0
    const fresh = atMs - lease.heldAtMs < resourcesAgeMs && atMs >= lease.heldAtMs
    const eventScope = this.#eventScope()
    // Where no event tells of blobs, one that came and was committed between two looks shows in the lease alone.
    const mayHaveCome =
      eventScope !== 'blobs and snapshots' &&
      layers?.some(
        ({ digest, blobCreatedMs, snapshotCreatedMs }) =>
          blobCreatedMs === undefined && snapshotCreatedMs === undefined && !offsets.has(digest),
      )
    const asBefore = known && same && !mayHaveCome && !lease.changed && lease.vanished.size === 0
    if (asBefore && fresh && eventScope !== 'nothing') return
    lease.changed = false
    // A lease that went since it was listed keeps what it was known to hold; the next look buries it.
    const resources = await this.#client.resources(this.#namespace, lease.key.leaseId)
    if (!resources) return
    const neverAsked = lease.heldAtMs === Number.NEGATIVE_INFINITY
    lease.empty = (neverAsked || lease.empty) && resources.length === 0
    lease.held = holdingsOf(resources)
    lease.heldAtMs = atMs
    lease.inFlight = new Set(inFlight)
    lease.pullIngests ||= lease.held.ingesting.size > 0
    for (const snapshotter of lease.held.snapshotters) this.#snapshotters.add(snapshotter)
  }

  async #learn(lease: LeaseMemory, held: Holdings, offsets: Map<string, number>): Promise<void> {
    const { image } = lease
    const knewLayers = image.layers !== undefined
    await readDocuments(image, lease.held.content, this.#blobs)
    const root = rootOf(image)
    const firstSeen = lease.root?.digest !== root
    if (root !== undefined && (firstSeen || (this.#blobs.known(root)?.repositories.length ?? 0) === 0)) {
      const facts = await this.#blobs.refresh(root)
      if (firstSeen && facts) lease.root = { digest: root, createdMs: facts.createdMs }
      if (image.layers && (this.#blobs.known(root)?.repositories.length ?? 0) === 0) lease.looksWithoutSource++
    }
    if (!image.layers) return
    for (const digest of image.documents.keys()) {
      for (const snapshotter of this.#blobs.known(digest)?.snapshotters ?? []) this.#snapshotters.add(snapshotter)
    }
    for (const { digest } of image.layers) {
      if (offsets.has(digest)) lease.vanished.delete(digest)
      else if (this.#offsets.has(digest)) lease.vanished.add(digest)
    }
    const mayBeDone = image.layers.filter(({ digest, blobCreatedMs, snapshotCreatedMs }) => {
      if (blobCreatedMs !== undefined) return false
      return !knewLayers || held.content.has(digest) || lease.vanished.has(digest) || snapshotCreatedMs !== undefined
    })
    await Promise.all(
      mayBeDone.map(async layer => {
        layer.blobCreatedMs = (await this.#blobs.refresh(layer.digest))?.createdMs
        if (layer.blobCreatedMs !== undefined) lease.vanished.delete(layer.digest)
      }),
    )
    if (!knewLayers) await this.#findCommitting(image.layers, held, offsets)
    const unpacked = new Set(image.layers.filter(({ snapshotCreatedMs }) => snapshotCreatedMs !== undefined))
    await findSnapshots(this.#client, this.#namespace, lease, this.#snapshotters, held.snapshots)
    // Asked after its snapshot: another pull may have fetched it since the last look, or it was committed in this one.
    // Without a blob even now it is left to a remote snapshotter.
    const justUnpacked = image.layers.filter(
      layer => layer.blobCreatedMs === undefined && layer.snapshotCreatedMs !== undefined && !unpacked.has(layer),
    )
    await Promise.all(
      justUnpacked.map(async layer => {
        layer.blobCreatedMs = (await this.#blobs.refresh(layer.digest))?.createdMs
      }),
    )
  }

  /**
   * While containerd commits a layer it lists neither its ingest nor its blob; who has seen it in flight knows what it
   * held. At first sight its lease tells: asked later, an ingest that the lease still held then is whole when it is gone.
   */
  async #findCommitting(layers: readonly LayerMemory[], held: Holdings, offsets: Map<string, number>): Promise<void> {
    const open = layers.filter(
      ({ digest, blobCreatedMs }) => blobCreatedMs === undefined && !offsets.has(digest) && held.ingesting.has(digest),
    )
    if (open.length === 0) return
    const now = await this.#ingestOffsets()
    for (const layer of open) {
      const offset = now.get(layer.digest)
      if (offset === undefined) layer.blobCreatedMs = (await this.#blobs.refresh(layer.digest))?.createdMs
      if (layer.blobCreatedMs === undefined) offsets.set(layer.digest, offset ?? layer.totalBytes)
    }
  }

  #seen(lease: LeaseMemory, inFlight: InFlight): SeenLease | undefined {
    const { image, key } = lease
    const repositories = repositoriesIn(image, key.createdMs, digest => this.#blobs.known(digest))
    const seen = seenImageOf(image, repositories, inFlight)
    const pull = repositories.length > 0 || lease.pullIngests
    if (!pull && !(lease.empty && lease.shapedLikePull)) return undefined
    lease.shown = true
    return { ...key, kind: pull ? 'pull' : 'maybe', image: seen }
  }
}

const noEvidence: Evidence = { records: [], contentComplete: undefined, topSnapshotMs: undefined }
