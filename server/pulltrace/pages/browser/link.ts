import type { PullList } from '../../../../core/contract/api.ts'
import { Follower, type Marks, type News, type Seed, type Source } from '../live/follower.ts'
import { ask } from './ask.ts'

export type FromTab = { readonly kind: 'hello'; readonly seed: Seed } | { readonly kind: 'bye' }

/** How often changes are handed to pages. Milliseconds. */
const handEveryMs = 50
const tickMs = 1000

/** Follows the stream for all that have joined, with one connection. Lives in the shared worker, or in a page. */
export class Fanout {
  readonly #listeners = new Set<(news: News) => void>()
  readonly #follower: Follower
  readonly #ticking: number
  #started = false
  #handing = false

  constructor() {
    this.#follower = new Follower({
      open: lastEventId => {
        const query = lastEventId === undefined ? '' : `?lastEventId=${encodeURIComponent(lastEventId)}`
        return watched(new EventSource(`/api/v1/events${query}`) as unknown as Source, () => this.#handSoon())
      },
      allowed: async () => (await ask('/api/v1/pulls?limit=1')).status !== 401,
      ended: async () => {
        const answer = await ask('/api/v1/pulls?state=finished')
        if (!answer.ok) throw new Error(`the ends were answered ${answer.status}`)
        const { pulls } = (await answer.json()) as PullList
        this.#handSoon()
        return pulls
      },
      after: (ms, work) => void setTimeout(work, ms),
      now: () => Date.now(),
      tell: news => this.#tell(news),
    })
    this.#ticking = setInterval(() => {
      this.#follower.checkLife()
      this.#hand()
    }, tickMs)
  }

  /** Where the news that were handed out end. */
  get lastEventId(): string | undefined {
    return this.#follower.lastEventId
  }

  /** What another page must know to go on in the place of this one. */
  marksOf(news: News): Marks {
    return this.#follower.marksOf(news.kind === 'link' ? [] : news.pulls)
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

  close(): void {
    this.#listeners.clear()
    this.#follower.close()
    clearInterval(this.#ticking)
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
