import type { PullList } from '../../../../core/contract/api.ts'
import { Follower, type Link, type News, type Seed, type Source } from '../live/follower.ts'

export type FromTab = { readonly kind: 'hello'; readonly seed: Seed } | { readonly kind: 'bye' }

/** How often changes are handed to pages. Milliseconds. */
const handEveryMs = 50
const forgetEveryMs = 1000

/** Follows the stream for all that have joined, with one connection. Lives in the shared worker, or in a page without one. */
export class Fanout {
  readonly #listeners = new Set<(news: News) => void>()
  readonly #follower: Follower
  #started = false
  #handing = false

  constructor() {
    this.#follower = new Follower({
      open: lastEventId => {
        const query = lastEventId === undefined ? '' : `?lastEventId=${encodeURIComponent(lastEventId)}`
        return watched(new EventSource(`/api/v1/events${query}`) as unknown as Source, () => this.#handSoon())
      },
      allowed: async () => (await fetch('/api/v1/pulls?limit=1')).status !== 401,
      ended: async () => {
        const answer = await fetch('/api/v1/pulls?state=finished')
        const { pulls } = (await answer.json()) as PullList
        this.#handSoon()
        return pulls
      },
      after: (ms, work) => void setTimeout(work, ms),
      now: () => Date.now(),
      tell: news => this.#tell(news),
    })
    setInterval(() => this.#hand(), forgetEveryMs)
  }

  /** First all pulls and the state of the connection, then what changes. */
  join(listener: (news: News) => void, seed: Seed): void {
    this.#hand()
    this.#listeners.add(listener)
    if (!this.#started) {
      this.#started = true
      this.#follower.start(seed)
    } else {
      this.#follower.adopt(seed)
      // While the first state comes in, its end brings all.
      if (this.#follower.synced) listener({ kind: 'all', pulls: this.#follower.pulls() })
    }
    listener({ kind: 'link', link: this.#follower.link })
  }

  leave(listener: (news: News) => void): void {
    this.#listeners.delete(listener)
  }

  #handSoon(): void {
    if (this.#handing) return
    this.#handing = true
    setTimeout(() => {
      this.#handing = false
      this.#hand()
    }, handEveryMs)
  }

  #hand(): void {
    const news = this.#follower.take()
    if (news !== undefined) this.#tell(news)
  }

  #tell(news: News): void {
    for (const listener of this.#listeners) listener(news)
  }
}

/** Calls `heard` upon each message, before the follower hands it on. */
function watched(source: Source, heard: () => void): Source {
  ;(source as unknown as EventSource).addEventListener('message', heard)
  return source
}

/** Joins the shared worker, so that all pages of this browser have one connection; without it a page has its own. */
export function follow(workerUrl: string, seed: Seed, listener: (news: News) => void): void {
  if (!('SharedWorker' in window)) {
    new Fanout().join(listener, seed)
    return
  }
  const { port } = new SharedWorker(workerUrl, { type: 'module', name: 'pulltrace' })
  port.onmessage = ({ data }: MessageEvent<News>) => listener(data)
  port.postMessage({ kind: 'hello', seed } satisfies FromTab)
  addEventListener('pagehide', () => port.postMessage({ kind: 'bye' } satisfies FromTab))
  // Back from the browser's cache of pages: what was missed comes as a whole.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) port.postMessage({ kind: 'hello', seed: { lastEventId: undefined, pulls: [] } } satisfies FromTab)
  })
}

export const linkTexts: Record<Link, string> = {
  connecting: 'Connecting',
  live: 'Live',
  lost: 'The server does not answer. This page goes on by itself as soon as it does; what it shows is of before.',
  refused: 'You are not signed in any more.',
}
