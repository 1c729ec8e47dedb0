import type { ContainerdNamespace, Ingest, Lease } from './containerd-namespace.ts'
import { type DemoImage, type Layer, sourceLabel } from './image.ts'

/** containerd's max_concurrent_downloads, as it is set by default. */
const parallelDownloads = 3
const defaultStepBytes = 1024 * 1024

interface Fetch {
  readonly layer: Layer
  ingest: Ingest | undefined
  /** Exact, where the ingest's offset is rounded down. */
  bytes: number
}

/** The layers that one pull fetches, side by side. What another pull is fetching is left to it, and watched. */
export class LayerFetches {
  readonly #namespace: ContainerdNamespace
  readonly #lease: Lease
  readonly #image: DemoImage
  readonly #stepBytes: number
  #open: Fetch[]
  #receivedBytes = 0
  #failed = false

  constructor(
    namespace: ContainerdNamespace,
    lease: Lease,
    image: DemoImage,
    layers: readonly Layer[],
    stepBytes = defaultStepBytes,
  ) {
    this.#namespace = namespace
    this.#lease = lease
    this.#image = image
    this.#stepBytes = stepBytes
    this.#open = layers.map(layer => ({ layer, ingest: undefined, bytes: 0 }))
    for (const fetch of this.#open) this.#begin(fetch)
  }

  /** By this pull, in all: not what it found there. */
  get receivedBytes(): number {
    return this.#receivedBytes
  }

  /** A layer is whole and its digest is wrong. */
  get failed(): boolean {
    return this.#failed
  }

  /** Shares the bytes among the layers that move. */
  receive(bytes: number): void {
    for (const fetch of this.#open) this.#begin(fetch)
    const moving = this.#open.filter(fetch => fetch.ingest).slice(0, parallelDownloads)
    for (const fetch of moving) this.#write(fetch, bytes / moving.length)
    this.#open = this.#open.filter(fetch => !this.#namespace.blobs.has(fetch.layer.digest))
  }

  spoil(digest: string): void {
    const fetch = this.#fetchOf(digest)
    if (fetch?.ingest) fetch.ingest.spoiled = true
  }

  restart(digest: string): void {
    const fetch = this.#fetchOf(digest)
    if (!fetch?.ingest) return
    fetch.bytes = 0
    this.#namespace.writeIngest(fetch.ingest, 0)
  }

  /** What was received is flushed, so the last offsets are exact. */
  close(): void {
    for (const { ingest, bytes } of this.#open) if (ingest) this.#namespace.writeIngest(ingest, Math.floor(bytes))
  }

  #fetchOf(digest: string): Fetch | undefined {
    return this.#open.find(({ layer, ingest }) => layer.digest === digest && ingest)
  }

  #begin(fetch: Fetch): void {
    const { layer } = fetch
    const blob = this.#namespace.blobs.get(layer.digest)
    if (blob) {
      this.#namespace.hold(this.#lease, 'content', layer.digest)
      this.#namespace.label(blob, sourceLabel(this.#image, blob.labels))
    } else if (!fetch.ingest && this.#namespace.lock(`blob ${layer.digest}`, this.#lease)) {
      fetch.ingest = this.#namespace.openIngest(this.#lease, `layer-${layer.digest}`, layer.size)
      fetch.bytes = fetch.ingest.offset
    }
  }

  #write(fetch: Fetch, bytes: number): void {
    const { layer, ingest } = fetch
    if (!ingest) return
    if (ingest.offset === layer.size && ingest.spoiled) {
      this.#failed = true
    } else if (ingest.offset === layer.size) {
      const blob = this.#namespace.commitIngest(this.#lease, ingest, layer.digest)
      this.#namespace.label(blob, sourceLabel(this.#image, blob.labels))
      this.#namespace.unlock(`blob ${layer.digest}`, this.#lease)
    } else this.#take(fetch, ingest, bytes)
  }

  #take(fetch: Fetch, ingest: Ingest, bytes: number): void {
    const { layer } = fetch
    const taken = Math.min(bytes, layer.size - fetch.bytes)
    fetch.bytes += taken
    this.#receivedBytes += taken
    const whole = fetch.bytes >= layer.size
    const offset = whole ? layer.size : Math.floor(fetch.bytes / this.#stepBytes) * this.#stepBytes
    // A resumed ingest may begin between two steps, and never falls by itself.
    this.#namespace.writeIngest(ingest, Math.max(ingest.offset, offset))
  }
}
