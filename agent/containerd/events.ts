import { ImageCreate, ImageUpdate } from '../../proto/generated/containerd/events/image.ts'
import type { ContainerdClient, Envelope } from './client.ts'

/**
 * Signs that a pull begins, goes on or ends. 1.6 has none for the beginning; /content/create
 * comes since 2.1. Containers that start prepare snapshots too: a wake-up is a hint, not a fact.
 */
const topics = [
  '/images/create',
  '/images/update',
  '/content/create',
  '/snapshot/prepare',
  '/snapshot/commit',
  '/namespaces/create',
]

export interface EventListener {
  imageChanged(namespace: string, name: string): void
  namespaceCreated(): void
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
    if (event && topic === '/images/create')
      this.#listener.imageChanged(namespace, ImageCreate.decode(event.value).name)
    if (event && topic === '/images/update')
      this.#listener.imageChanged(namespace, ImageUpdate.decode(event.value).name)
    if (topic === '/namespaces/create') this.#listener.namespaceCreated()
    this.#listener.wake()
  }
}
