import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import type { News, Seed } from '../live/follower.ts'
import { Fanout } from './link.ts'

/** What pages of one browser tell each other. `news` without `to` is for all. */
type Told =
  | { readonly kind: 'lead' }
  | { readonly kind: 'hello'; readonly from: string; readonly ended: readonly Pull[] }
  | { readonly kind: 'news'; readonly to?: string; readonly news: News; readonly lastEventId: string | undefined }

const name = 'pulltrace'

/**
 * One page follows the stream for all of this browser: who holds the lock. The others keep what it tells, and the id it
 * stands at, so that the next to hold it goes on just there. The page in sight takes the lock: one out of sight is
 * slowed down, or frozen.
 */
export class Neighbours {
  readonly #self = crypto.randomUUID()
  readonly #channel = new BroadcastChannel(name)
  readonly #pulls = new Map<string, Pull>()
  readonly #show: (news: News) => void
  #lastEventId: string | undefined
  #fanout: Fanout | undefined
  #waiting: AbortController | undefined

  constructor({ lastEventId, pulls }: Seed, show: (news: News) => void) {
    this.#show = show
    this.#lastEventId = lastEventId
    for (const pull of pulls) this.#pulls.set(pull.id, pull)
    this.#channel.onmessage = ({ data }: MessageEvent<Told>) => this.#hear(data)
    document.addEventListener('visibilitychange', () => this.#leadInSight())
    this.#sayHello()
    if (document.hidden) this.#wait()
    else this.#leadInSight()
  }

  #leadInSight(): void {
    if (document.hidden || this.#fanout !== undefined) return
    this.#waiting?.abort()
    this.#waiting = undefined
    this.#hold({ steal: true })
  }

  #wait(): void {
    this.#waiting = new AbortController()
    this.#hold({ signal: this.#waiting.signal })
  }

  /** The lock is held until this page goes, or another one takes it. */
  #hold(options: LockOptions): void {
    const held = navigator.locks.request(name, options, () => {
      this.#waiting = undefined
      this.#lead()
      return new Promise<never>(() => {})
    })
    held.catch(() => {
      // Else it was the wait that has been given up.
      if (this.#fanout !== undefined) this.#follow()
    })
  }

  #lead(): void {
    const fanout = new Fanout()
    this.#fanout = fanout
    const tell = (news: News) => {
      this.#keep(news, fanout.lastEventId)
      this.#say({ kind: 'news', news, lastEventId: fanout.lastEventId })
    }
    fanout.join(tell, { lastEventId: this.#lastEventId, pulls: [...this.#pulls.values()] })
    this.#say({ kind: 'lead' })
  }

  #follow(): void {
    this.#fanout?.close()
    this.#fanout = undefined
    this.#sayHello()
    this.#wait()
  }

  #hear(told: Told): void {
    if (told.kind === 'lead') this.#sayHello()
    else if (told.kind === 'hello') this.#greet(told.from, told.ended)
    else if (this.#fanout === undefined && (told.to ?? this.#self) === this.#self) {
      this.#keep(told.news, told.lastEventId)
    }
  }

  /** Tells a page that is new, or has a new leader, of everything. */
  #greet(to: string, ended: readonly Pull[]): void {
    const fanout = this.#fanout
    if (fanout === undefined) return
    const tell = (news: News) => this.#say({ kind: 'news', to, news, lastEventId: fanout.lastEventId })
    fanout.join(tell, { lastEventId: undefined, pulls: ended })
    fanout.leave(tell)
  }

  /** Ends are told by no stream again, so they are brought along. */
  #sayHello(): void {
    if (this.#fanout !== undefined) return
    const ended = [...this.#pulls.values()].filter(({ phase }) => isTerminal(phase))
    this.#say({ kind: 'hello', from: this.#self, ended })
  }

  #keep(news: News, lastEventId: string | undefined): void {
    if (news.kind !== 'link') {
      if (news.kind === 'all') this.#pulls.clear()
      else for (const id of news.gone) this.#pulls.delete(id)
      for (const pull of news.pulls) this.#pulls.set(pull.id, pull)
      this.#lastEventId = lastEventId
    }
    this.#show(news)
  }

  #say(told: Told): void {
    this.#channel.postMessage(told)
  }
}
