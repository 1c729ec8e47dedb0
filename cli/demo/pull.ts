import { type ContainerdNamespace, type Ingest, type Lease, snapshotType } from './containerd-namespace.ts'
import type { DemoImage, Document, Layer } from './image.ts'
import { type Random, uniqueName } from './random.ts'

/** Bytes a second of the whole pull, or what they are so many ms after its start. */
export type Rate = number | ((elapsedMs: number) => number)

export interface PullOptions {
  readonly rate: Rate
  /** Compressed bytes unpacked a second. */
  readonly unpackRate?: number
  /** How long the registry takes to say what the tag means. */
  readonly resolveMs?: number
  /** The connection is cut for good when this pull has fetched so much. */
  readonly cutAfterBytes?: number
  /** Offsets of ingests are multiples of it: 1 MiB in containerd, finer here so that a slow layer is seen to move. */
  readonly stepBytes?: number
}

export type Outcome = 'completed' | 'failed' | 'cancelled' | 'killed'

const leaseLifeMs = 24 * 3_600_000
const parallelDownloads = 3

interface Fetch {
  readonly layer: Layer
  ingest: Ingest | undefined
  /** Exact, where the ingest's offset is rounded down. */
  receivedBytes: number
}

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
  #fetches: Fetch[] | undefined
  #fetchedBytes = 0
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
    const fetch = this.#fetches?.find(({ layer, ingest }) => layer.digest === digest && ingest)
    if (!fetch?.ingest) return
    fetch.receivedBytes = 0
    this.namespace.writeIngest(fetch.ingest, 0)
  }

  /** containerd dies: nothing is tidied up, the lease stays until it expires. */
  kill(): void {
    this.#outcome ??= 'killed'
    this.namespace.unlockAll(this)
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
    this.#fetchLayers(typeof this.#rate === 'number' ? this.#rate : this.#rate(elapsedMs), stepMs)
    if (this.#fetchedBytes >= (this.#options.cutAfterBytes ?? Number.POSITIVE_INFINITY)) this.#end('failed')
    else this.#unpack(((this.#options.unpackRate ?? 100e6) * stepMs) / 1000)
    if (!this.#outcome && this.#nextLayer === this.image.layers.length) this.#record()
  }

  /** One step each to open, to commit and to label: a look may fall in between, as it does on a real one. */
  #fetchDocument(document: Document): void {
    const namespace = this.namespace
    const blob = namespace.blobs.get(document.digest)
    const ref = `${kindOf(document, this.image)}-${document.digest}`
    if (blob && this.#documentStep !== 'label') {
      namespace.hold(this.lease, 'content', document.digest)
      this.#documentStep = 'label'
    } else if (blob) {
      namespace.label(blob, { ...document.childLabels, ...this.#sourceLabel(blob.labels) })
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

  #fetchLayers(bytesPerSec: number, stepMs: number): void {
    for (const fetch of this.#fetches ?? []) this.#openLayer(fetch)
    const open = (this.#fetches ?? []).filter(fetch => fetch.ingest)
    const moving = open.slice(0, parallelDownloads)
    const share = (bytesPerSec * stepMs) / 1000 / moving.length
    for (const fetch of moving) this.#receive(fetch, share)
    this.#fetches = this.#fetches?.filter(fetch => !this.namespace.blobs.has(fetch.layer.digest))
  }

  #openLayer(fetch: Fetch): void {
    const { layer } = fetch
    const namespace = this.namespace
    const blob = namespace.blobs.get(layer.digest)
    if (blob) {
      namespace.hold(this.lease, 'content', layer.digest)
      namespace.label(blob, this.#sourceLabel(blob.labels))
    } else if (!fetch.ingest && namespace.lock(`blob ${layer.digest}`, this)) {
      fetch.ingest = namespace.openIngest(this.lease, `layer-${layer.digest}`, layer.size)
      fetch.receivedBytes = fetch.ingest.offset
    }
  }

  #receive(fetch: Fetch, bytes: number): void {
    const { layer, ingest } = fetch
    if (!ingest) return
    if (ingest.offset === layer.size) {
      const blob = this.namespace.commitIngest(this.lease, ingest, layer.digest)
      this.namespace.label(blob, this.#sourceLabel(blob.labels))
      this.namespace.unlock(`blob ${layer.digest}`, this)
      return
    }
    const taken = Math.min(bytes, layer.size - fetch.receivedBytes)
    fetch.receivedBytes += taken
    this.#fetchedBytes += taken
    const { stepBytes = 1024 * 1024 } = this.#options
    const whole = fetch.receivedBytes >= layer.size
    this.namespace.writeIngest(ingest, whole ? layer.size : Math.floor(fetch.receivedBytes / stepBytes) * stepBytes)
  }

  #unpack(budgetBytes: number): void {
    for (let left = budgetBytes; this.#nextLayer < this.image.layers.length; this.#nextLayer++) {
      const layer = this.image.layers[this.#nextLayer]!
      if (!this.#extractKey && this.namespace.snapshots.has(layer.chainId)) {
        this.namespace.hold(this.lease, snapshotType, layer.chainId)
        continue
      }
      if (!this.#extractKey && !this.#prepare(layer)) return
      const blob = this.namespace.blobs.get(layer.digest)
      if (!blob || !this.#extractKey) return
      this.#unpackedBytes += left
      if (this.#unpackedBytes < layer.size) return
      left = this.#unpackedBytes - layer.size
      this.#unpackedBytes = 0
      this.namespace.label(blob, { 'containerd.io/uncompressed': layer.diffId })
      this.namespace.commitSnapshot(this.lease, this.#extractKey, layer.chainId)
      this.namespace.unlock(`chain ${layer.chainId}`, this)
      this.#extractKey = undefined
    }
  }

  /** The bottom layer that is missing starts the fetch of itself and of all above it. */
  #prepare(layer: Layer): boolean {
    if (!this.namespace.lock(`chain ${layer.chainId}`, this)) return false
    this.#extractKey = `extract-${uniqueName(this.#random)} ${layer.chainId}`
    const parent = this.image.layers[this.#nextLayer - 1]?.chainId ?? ''
    const labels = { 'containerd.io/snapshot.ref': layer.chainId }
    this.namespace.prepareSnapshot(this.lease, this.#extractKey, parent, labels)
    this.#fetches ??= this.image.layers
      .slice(this.#nextLayer)
      .map(missing => ({ layer: missing, ingest: undefined, receivedBytes: 0 }))
    return true
  }

  #record(): void {
    const { config, host, layers, ref, repository, target } = this.image
    const labels = { 'io.cri-containerd.image': 'managed' }
    const top = layers.at(-1)?.chainId
    const blob = this.namespace.blobs.get(config.digest)
    if (blob && top) this.namespace.label(blob, { 'containerd.io/gc.ref.snapshot.overlayfs': top })
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
    // What was received is flushed, so the last offset is exact.
    for (const { ingest, receivedBytes } of this.#fetches ?? []) {
      if (ingest) this.namespace.writeIngest(ingest, Math.floor(receivedBytes))
    }
    if (this.#extractKey) this.namespace.removeSnapshot(this.lease, this.#extractKey)
    this.namespace.unlockAll(this)
    this.namespace.leases.delete(this.lease.id)
    this.#finish(outcome)
  }

  /** A blob that several repositories gave names them all. */
  #sourceLabel(labels: Readonly<Record<string, string>>): Record<string, string> {
    const { host, repository } = this.image
    const name = `containerd.io/distribution.source.${host}`
    const known = labels[name]?.split(',') ?? []
    return { [name]: [...new Set([...known, repository])].sort().join(',') }
  }
}

function kindOf(document: Document, image: DemoImage): string {
  if (document === image.config) return 'config'
  return document === image.index ? 'index' : 'manifest'
}
