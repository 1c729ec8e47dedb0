import type { Clock } from '../lib/clock.ts'
import type { Logger } from '../lib/log.ts'
import { Backoff } from './backoff.ts'
import { guarded } from './guarded.ts'
import { type Changed, KeptObjects } from './kept-objects.ts'
import type { KubeApi } from './kube-api.ts'
import { canResume, errorOfWatchEvent, isGone, KubeError } from './kube-error.ts'
import type { KubeObject, Resource } from './objects.ts'
import { Silence } from './silence.ts'
import { type WatchEvent, watchEvents } from './watch-events.ts'

export interface ReflectorOptions<T extends KubeObject, K> {
  readonly api: Pick<KubeApi, 'list' | 'watch'>
  readonly resource: Resource<T>
  /** Absent: all namespaces. */
  readonly namespace?: string | undefined
  readonly labelSelector?: string | undefined
  readonly fieldSelector?: string | undefined
  /** What to hold of an object; undefined: nothing, as if it were not there. */
  readonly keep: (object: T) => K | undefined
  /** Should only note the key and return: objects wait while it runs. What it throws is logged. */
  readonly changed: Changed<K>
  readonly clock: Clock
  readonly log: Logger
  readonly random?: () => number
  /** Without a byte for so long, the watch is opened anew. Milliseconds. */
  readonly silenceMs?: number
}

const pageItems = 500
/** Objects are somebody else's, and may be as large as etcd takes them: then fewer are asked for at once. */
const fewestPageItems = 10
/** API servers send a bookmark about once a minute, without promising it. */
const defaultSilenceMs = 150_000
const shortestWatchMs = 1000
/** A server that asks for more is asked again after this anyway. */
const longestRetryAfterMs = 300_000

/**
 * Holds what is kept of all objects of a kind, up to date for as long as it runs, whatever the API server and the
 * network do: a watch that ends is resumed where it was, one whose place is forgotten (410) is replaced by a list,
 * one that is silent is opened anew, and every failure waits longer than the last (see Backoff).
 */
export class Reflector<T extends KubeObject, K> {
  readonly #options: ReflectorOptions<T, K>
  readonly #objects: KeptObjects<T, K>
  readonly #backoff: Backoff
  readonly #random: () => number
  readonly #firstList = Promise.withResolvers<void>()
  /** Where the next watch begins; undefined: list first. */
  #version: string | undefined
  #pageItems = pageItems
  #synced = false
  #running = false
  #lastContactMs = 0
  #failing: string | undefined

  constructor(options: ReflectorOptions<T, K>) {
    this.#options = options
    this.#random = options.random ?? Math.random
    this.#backoff = new Backoff(options.clock, this.#random)
    // A fault of ours in one object must not cost all others their updates.
    const failed = (handler: string, error: unknown) =>
      options.log.error('handler of a watch failed', { handler, resource: options.resource.plural, error })
    this.#objects = new KeptObjects(
      object =>
        guarded(
          () => options.keep(object),
          error => failed('keep', error),
        ),
      (key, now, before) =>
        guarded(
          () => options.changed(key, now, before),
          error => failed('changed', error),
        ),
    )
  }

  /** Whether all objects have been listed once. */
  get synced(): boolean {
    return this.#synced
  }

  /** When the API server was last heard, in epoch milliseconds; 0: never. */
  get lastContactMs(): number {
    return this.#lastContactMs
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): K | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<K> {
    return this.#objects.values()
  }

  entries(): IterableIterator<[string, K]> {
    return this.#objects.entries()
  }

  /** Resolves after the first complete list, when `changed` has been called for all of it. */
  async whenSynced(signal?: AbortSignal): Promise<void> {
    if (!signal || this.#synced) return this.#firstList.promise
    signal.throwIfAborted()
    const aborted = Promise.withResolvers<void>()
    const abort = () => aborted.reject(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    try {
      await Promise.race([this.#firstList.promise, aborted.promise])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** Until the signal aborts; then nothing more is changed or called. Never rejects for what a server did. */
  async run(signal: AbortSignal): Promise<void> {
    if (this.#running) throw new Error(`the reflector of ${this.#options.resource.plural} runs already`)
    this.#running = true
    try {
      while (!signal.aborted) {
        const resumed = this.#version !== undefined
        try {
          this.#version ??= await this.#list(signal)
          await this.#watch(signal)
        } catch (error) {
          if (signal.aborted) return
          if (!canResume(error)) this.#version = undefined
          // What is forgotten is listed at once: after an outage the wait for its end would else be followed by another.
          if (resumed && isGone(error)) continue
          if (error instanceof KubeError && error.reason === 'TooLarge') {
            this.#pageItems = Math.max(fewestPageItems, Math.floor(this.#pageItems / 4))
          }
          await this.#waitAfter(error, signal)
        }
      }
    } finally {
      this.#running = false
    }
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { api, resource } = this.#options
    const query = { ...this.#selection(), signal }
    const listed = this.#objects.startList()
    let page = await api.list(resource, { ...query, limit: this.#pageItems })
    for (;;) {
      signal.throwIfAborted()
      this.#heard()
      for (const object of page.items) listed.add(object)
      if (page.continue === undefined) break
      // A token that expires between pages (410) ends this list; the next attempt starts from the first page.
      page = await api.list(resource, { ...query, limit: this.#pageItems, continue: page.continue })
    }
    if (page.resourceVersion === '') throw new KubeError(0, 'BadList', 'the list has no resourceVersion')
    listed.done()
    if (!this.#synced) {
      this.#synced = true
      this.#firstList.resolve()
    }
    return page.resourceVersion
  }

  /** Until it ends, in whatever way it may be resumed at once; rejects after what should be waited for. */
  async #watch(signal: AbortSignal): Promise<void> {
    const { api, resource, clock, silenceMs = defaultSilenceMs } = this.#options
    const openedMs = clock.monotonic()
    const silence = new Silence(clock, silenceMs)
    const end: { cut?: unknown } = {}
    let events = 0
    try {
      const bytes = await api.watch(resource, {
        ...this.#selection(),
        resourceVersion: this.#version!,
        timeoutSeconds: 300 + Math.floor(this.#random() * 300),
        signal: AbortSignal.any([signal, silence.signal]),
      })
      for await (const event of watchEvents<T>(this.#hearing(bytes, silence, end))) {
        if (signal.aborted) return
        this.#take(event)
        events++
        this.#recovered()
      }
    } finally {
      silence.stop()
    }
    if (silence.broken) return this.#options.log.info('watch was silent', { resource: resource.plural, silenceMs })
    if (events === 0 && clock.monotonic() - openedMs < shortestWatchMs) {
      throw new KubeError(0, 'ShortWatch', `the watch of ${resource.plural} ended at once`, { cause: end.cut })
    }
    this.#recovered()
  }

  /** A connection that is cut ends a watch as its server does: nothing is lost, and the server is asked again. */
  async *#hearing(bytes: AsyncIterable<Uint8Array>, silence: Silence, end: { cut?: unknown }) {
    this.#heard()
    silence.start()
    try {
      for await (const chunk of bytes) {
        this.#heard()
        silence.heard()
        yield chunk
      }
    } catch (error) {
      end.cut = error
    }
  }

  #take({ type, object }: WatchEvent<T>): void {
    if (type === 'ERROR') throw errorOfWatchEvent(`watch of ${this.#options.resource.plural}`, object)
    if (type === 'DELETED') this.#objects.remove(object)
    else if (type !== 'BOOKMARK') this.#objects.set(object)
    // After the object, so that a resume cannot skip one that was not taken.
    const version = object.metadata?.resourceVersion
    if (version) this.#version = version
  }

  #selection() {
    const { namespace, labelSelector, fieldSelector } = this.#options
    return { namespace, labelSelector, fieldSelector }
  }

  #heard(): void {
    this.#lastContactMs = this.#options.clock.now()
  }

  async #waitAfter(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, log, resource, namespace } = this.#options
    const asked = error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0
    const waitMs = Math.round(Math.max(this.#backoff.nextMs(), Math.min(asked, longestRetryAfterMs)))
    const failing = error instanceof KubeError ? `${error.status} ${error.reason}` : String(error)
    const fields = { resource: resource.plural, namespace, waitMs, error }
    // An API server that is away for an hour is one line, not one for each try.
    if (failing !== this.#failing) log.warn('watch failed', fields)
    else log.debug('watch failed again', fields)
    this.#failing = failing
    // Rejects only on abort, and the loop condition is what ends the loop.
    await clock.sleep(waitMs, signal).catch(() => {})
  }

  #recovered(): void {
    if (this.#failing === undefined) return
    this.#failing = undefined
    this.#options.log.info('watch works again', { resource: this.#options.resource.plural })
  }
}
