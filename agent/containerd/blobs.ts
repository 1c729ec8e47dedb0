import type { ContainerdClient } from './client.ts'
import { hasChildren, msOf, repositoriesOf, snapshottersIn } from './keys.ts'
import { type ImageDocument, maxDocumentBytes, parseImageDocument } from './manifest.ts'

export interface BlobFacts {
  readonly createdMs: number
  readonly createdAt: { readonly seconds: number; readonly nanos: number }
  readonly sizeBytes: number
  readonly hasChildren: boolean
  readonly repositories: readonly string[]
  /** Of a config whose image was unpacked before. */
  readonly snapshotters: readonly string[]
}

/** What one containerd namespace holds, remembered: a blob's time and size cannot change, its labels can. */
export class BlobStore {
  readonly #client: ContainerdClient
  readonly #namespace: string
  readonly #facts = new Map<string, BlobFacts>()

  constructor(client: ContainerdClient, namespace: string) {
    this.#client = client
    this.#namespace = namespace
  }

  /** Asks when nothing is known yet; undefined when the blob is not there. */
  async facts(digest: string): Promise<BlobFacts | undefined> {
    return this.#facts.get(digest) ?? (await this.refresh(digest))
  }

  known(digest: string): BlobFacts | undefined {
    return this.#facts.get(digest)
  }

  async refresh(digest: string): Promise<BlobFacts | undefined> {
    const info = await this.#client.blob(this.#namespace, digest)
    if (!info?.createdAt) return undefined
    const facts: BlobFacts = {
      createdMs: msOf(info.createdAt),
      createdAt: info.createdAt,
      sizeBytes: info.size,
      hasChildren: hasChildren(info.labels),
      repositories: repositoriesOf(info.labels),
      snapshotters: snapshottersIn(info.labels),
    }
    this.#facts.set(digest, facts)
    return facts
  }

  async document(digest: string): Promise<ImageDocument | undefined> {
    const bytes = await this.#client.readBlob(this.#namespace, digest, maxDocumentBytes)
    return bytes && parseImageDocument(bytes)
  }

  /** Facts of one blob are some 300 bytes; a node that is never idle must not keep them for ever. */
  get large(): boolean {
    return this.#facts.size > 20_000
  }

  /** Called when nothing pulls: what is pulled next is asked for anew. */
  forget(): void {
    this.#facts.clear()
  }
}
