import { type ContainerdNamespace, type Lease, snapshotTypeOf } from './containerd-namespace.ts'
import { type DemoImage, type Document, type Layer, sourceLabel } from './image.ts'
import { LayerFetches } from './layer-fetches.ts'
import { type Random, uniqueName } from './random.ts'

/** Bytes a second of the whole pull, or what they are so many ms after its start. */
export type Rate = number | ((elapsedMs: number) => number)

export interface PullOptions {
  readonly rate: Rate
  /** Compressed bytes a second that are unpacked, or that a remote snapshotter makes ready. */
  readonly unpackRate?: number
  /** How long the registry takes to say what the tag means. */
  readonly resolveMs?: number
  /** The connection is cut for good when this pull has fetched so much. */
  readonly cutAfterBytes?: number
  /** Offsets of ingests are multiples of it: 1 MiB in containerd, finer here so that a slow layer is seen to move. */
  readonly stepBytes?: number
  /** A remote snapshotter has every layer: nothing is fetched up front. */
  readonly remote?: boolean
}

export type Outcome = 'completed' | 'failed' | 'cancelled' | 'killed'

const leaseLifeMs = 24 * 3_600_000

/**
 * One CRI pull as containerd 2.4.2 is seen to do it: documents, then every layer's ingest at
 * once with three of them moving, unpacked bottom up. A chain id that another pull extracts
 * is waited for, with the layers above it not begun; so is a blob that another pull fetches.
 */
export class DemoPull {
  readonly image: DemoImage
  readonly lease: Lease
  readonly done: Promise<Outcome>
  readonly namespace: ContainerdNamespace
  readonly #random: Random
  readonly #options: PullOptions
  readonly #finish: (outcome: Outcome) => void
  readonly #documents: Document[]
  #documentStep: 'open' | 'commit' | 'label' = 'open'
  #rate: Rate
  #fetches: LayerFetches | undefined
  #nextLayer = 0
  #extractKey: string | undefined
  #unpackedBytes = 0
  #recorded = false
  #outcome: Outcome | undefined

  constructor(namespace: ContainerdNamespace, image: DemoImage, options: PullOptions, nowMs: number, random: Random) {
    const expire = new Date(nowMs + leaseLifeMs).toISOString().replace(/\.\d+/, '')
    let finish!: (outcome: Outcome) => void
    this.done = new Promise(resolve => {
      finish = resolve
    })
    this.#finish = finish
    this.image = image
    this.lease = namespace.addLease(uniqueName(random), { 'containerd.io/gc.expire': expire })
    this.namespace = namespace
    this.#options = options
    this.#rate = options.rate
    this.#random = random
    this.#documents = [image.index, image.manifest, image.config].filter(document => document !== undefined)
  }

  /** Absent while it runs. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  setRate(rate: Rate): void {
    this.#rate = rate
  }

  /** The registry stops answering: the pull fails with what it has. */
  cut(): void {
    this.#end('failed')
  }

  /** Whoever asked for the pull no longer wants it. */
  cancel(): void {
    this.#end('cancelled')
  }

  /** The server could not go on where the connection broke: this layer comes from its first byte again. */
  restartLayer(digest: string): void {
    this.#fetches?.restart(digest)
  }

  /** The registry sends wrong bytes for this layer: its digest will not be what it must be, and the pull fails. */
  spoilLayer(digest: string): void {
    this.#fetches?.spoil(digest)
  }

  /** containerd dies, or a client that pulls by itself: nothing is tidied up, the lease stays until it expires. */
  kill(): void {
    this.#outcome ??= 'killed'
    this.namespace.unlockAll(this.lease)
    this.#finish(this.#outcome)
  }

  step(nowMs: number, stepMs: number): void {
    if (this.#outcome) return
    const elapsedMs = nowMs - this.lease.createdMs
    if (elapsedMs < (this.#options.resolveMs ?? 300)) return
    const document = this.#documents[0]
    if (document) this.#fetchDocument(document)
    else if (this.#recorded) this.#end('completed')
    else this.#moveLayers(elapsedMs, stepMs)
  }

  #moveLayers(elapsedMs: number, stepMs: number): void {
    const bytesPerSec = typeof this.#rate === 'number' ? this.#rate : this.#rate(elapsedMs)
    this.#fetches?.receive((bytesPerSec * stepMs) / 1000)
    const { failed = false, receivedBytes = 0 } = this.#fetches ?? {}
    const { cutAfterBytes = Number.POSITIVE_INFINITY } = this.#options
    if (failed || receivedBytes >= cutAfterBytes) this.#end('failed')
    else this.#unpack(((this.#options.unpackRate ?? 100e6) * stepMs) / 1000)
    if (!this.#outcome && this.#nextLayer === this.image.layers.length) this.#record()
  }

  /** One step each to open, to commit and to label: a look may fall in between, as it does on a real one. */
  #fetchDocument(document: Document): void {
    const namespace = this.namespace
    const blob = namespace.blobs.get(document.digest)
    const ref = `${kindOf(document, this.image)}-${document.digest}`
    if (blob && this.#documentStep !== 'label') {
      // Another pull of the same document may have completed the ingest that both had opened.
      this.lease.resources.delete(`ingests ${ref}`)
      namespace.hold(this.lease, 'content', document.digest)
      this.#documentStep = 'label'
    } else if (blob) {
      namespace.label(blob, { ...document.childLabels, ...sourceLabel(this.image, blob.labels) })
      this.#documents.shift()
      this.#documentStep = 'open'
    } else if (this.#documentStep === 'open') {
      namespace.openIngest(this.lease, ref, document.size)
      this.#documentStep = 'commit'
    } else {
      const ingest = namespace.openIngest(this.lease, ref, document.size)
      namespace.commitIngest(this.lease, ingest, document.digest, document.bytes)
      this.#documentStep = 'label'
    }
  }

  #unpack(budgetBytes: number): void {
    for (let left = budgetBytes; this.#nextLayer < this.image.layers.length; this.#nextLayer++) {
      const layer = this.image.layers[this.#nextLayer]!
      const there = this.namespace.snapshots.get(layer.chainId)
      if (!this.#extractKey && there) {
        this.namespace.hold(this.lease, snapshotTypeOf(there), layer.chainId)
        continue
      }
      if (!this.#options.remote && !this.#extractKey && !this.#prepare(layer)) return
      if (!this.#options.remote && !this.namespace.blobs.has(layer.digest)) return
      this.#unpackedBytes += left
      if (this.#unpackedBytes < layer.size) return
      left = this.#unpackedBytes - layer.size
      this.#unpackedBytes = 0
      this.#commit(layer)
    }
  }

  #commit({ chainId, diffId, digest }: Layer): void {
    if (this.#options.remote) this.namespace.addRemoteSnapshot(this.lease, chainId, this.#parent)
    const blob = this.namespace.blobs.get(digest)
    if (!blob || !this.#extractKey) return
    this.namespace.label(blob, { 'containerd.io/uncompressed': diffId })
    this.namespace.commitSnapshot(this.lease, this.#extractKey, chainId)
    this.namespace.unlock(`chain ${chainId}`, this.lease)
    this.#extractKey = undefined
  }

  /** The bottom layer that is missing starts the fetch of itself and of all above it. */
  #prepare(layer: Layer): boolean {
    if (!this.namespace.lock(`chain ${layer.chainId}`, this.lease)) return false
    this.#extractKey = `extract-${uniqueName(this.#random)} ${layer.chainId}`
    const labels = { 'containerd.io/snapshot.ref': layer.chainId }
    this.namespace.prepareSnapshot(this.lease, this.#extractKey, this.#parent, labels)
    this.#fetches ??= new LayerFetches(
      this.namespace,
      this.lease,
      this.image,
      this.image.layers.slice(this.#nextLayer),
      this.#options.stepBytes,
    )
    return true
  }

  get #parent(): string {
    return this.image.layers[this.#nextLayer - 1]?.chainId ?? ''
  }

  #record(): void {
    const { config, host, layers, ref, repository, target } = this.image
    const labels = { 'io.cri-containerd.image': 'managed' }
    const top = layers.at(-1)?.chainId
    const blob = this.namespace.blobs.get(config.digest)
    const snapshotter = this.#options.remote ? 'stargz' : 'overlayfs'
    if (blob && top) this.namespace.label(blob, { [`containerd.io/gc.ref.snapshot.${snapshotter}`]: top })
    this.namespace.saveImage(ref, target, labels)
    for (const name of [config.digest, `${host}/${repository}@${target.digest}`]) {
      if (this.namespace.images.get(name)?.target.digest !== target.digest) {
        this.namespace.saveImage(name, target, labels)
      }
    }
    this.#recorded = true
  }

  #end(outcome: Outcome): void {
    if (this.#outcome) return
    this.#outcome = outcome
    this.#fetches?.close()
    if (this.#extractKey) this.namespace.removeSnapshot(this.lease, this.#extractKey)
    this.namespace.unlockAll(this.lease)
    this.namespace.leases.delete(this.lease.id)
    this.#finish(outcome)
  }
}

function kindOf(document: Document, image: DemoImage): string {
  if (document === image.config) return 'config'
  return document === image.index ? 'index' : 'manifest'
}
