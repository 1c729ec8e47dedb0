import { ContentCreate } from '../../proto/generated/containerd/events/content.ts'
import { ImageCreate, ImageUpdate } from '../../proto/generated/containerd/events/image.ts'
import { SnapshotCommit, SnapshotPrepare } from '../../proto/generated/containerd/events/snapshot.ts'
import type { ContainerdClient, Envelope } from './client.ts'
import { chainIdOfKey } from './holdings.ts'

/** Signs that a pull begins, goes on or ends. 1.6 has none for the beginning. A wake-up is a hint, not a fact. */
const topics = ['/images/create', '/images/update', '/content/create', '/snapshot/prepare', '/snapshot/commit']

/** Of containerd: `/content/create` comes since 2.1. */
export function tellsOfBlobs(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? []
  return Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 1)
}

export interface EventListener {
  /** A blob is complete, or a snapshot was prepared or committed, by its digest or chain id. */
  changed(namespace: string, name: string): void
  imageChanged(namespace: string, name: string): void
  wake(): void
}

/** Keeps one subscription open as long as containerd answers; `ensure` is called after each good look. */
export class EventWatch {
  readonly #client: ContainerdClient
  readonly #listener: EventListener
  #stream: { cancel(): void } | undefined
  #closed = false

  constructor(client: ContainerdClient, listener: EventListener) {
    this.#client = client
    this.#listener = listener
  }

  /** Whether events come. When they do not, everything has to be asked for. */
  get open(): boolean {
    return this.#stream !== undefined
  }

  ensure(): void {
    if (this.#stream || this.#closed) return
    this.#stream = this.#client.subscribe(
      topics,
      event => this.#take(event),
      () => {
        this.#stream = undefined
      },
    )
  }

  close(): void {
    this.#closed = true
    this.#stream?.cancel()
  }

  #take({ topic, namespace, event }: Envelope): void {
    const bytes = event?.value ?? new Uint8Array()
    switch (topic) {
      case '/images/create':
        this.#listener.imageChanged(namespace, ImageCreate.decode(bytes).name)
        break
      case '/images/update':
        this.#listener.imageChanged(namespace, ImageUpdate.decode(bytes).name)
        break
      case '/content/create':
        this.#listener.changed(namespace, ContentCreate.decode(bytes).digest)
        break
      case '/snapshot/prepare': {
        const { key } = SnapshotPrepare.decode(bytes)
        // A container that starts, which a busy node does all day: no pull has anything to do with it.
        if (chainIdOfKey(key) === key) return
        this.#listener.changed(namespace, chainIdOfKey(key))
        break
      }
      case '/snapshot/commit':
        this.#listener.changed(namespace, SnapshotCommit.decode(bytes).name)
    }
    this.#listener.wake()
  }
}
