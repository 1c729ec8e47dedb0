import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import type { Mark, Marks, News, Seed } from '../live/follower.ts'
import { inPieces, namedBy } from '../live/pieces.ts'
import { Fanout } from './link.ts'

/** `lastEventId`: where who has it may go on; undefined where more pieces of the same are to come. */
interface ToldNews {
  readonly kind: 'news'
  readonly news: News
  /** Whether it is of a whole state, after which nothing of before counts. */
  readonly whole: boolean
  readonly marks: Marks
  readonly lastEventId: string | undefined
}

/** What pages of one browser tell each other. `news` without `to` is for all. */
type Told =
  | { readonly kind: 'lead' }
  | { readonly kind: 'out-of-sight' }
  | { readonly kind: 'hello'; readonly from: string; readonly ended: readonly Pull[]; readonly marks: Marks }
  | (ToldNews & { readonly to?: string })

/** One turn at the lock: to wait for it, or to take it from who has it. */
interface Turn {
  readonly steals: boolean
  readonly abort: AbortController
}

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
  readonly #marks = new Map<string, Mark>()
  readonly #show: (news: News) => void
  #lastEventId: string | undefined
  #fanout: Fanout | undefined
  #turn: Turn | undefined

  constructor({ lastEventId, pulls }: Seed, show: (news: News) => void) {
    this.#show = show
    this.#lastEventId = lastEventId
    for (const pull of pulls) this.#pulls.set(pull.id, pull)
    this.#channel.onmessage = ({ data }: MessageEvent<Told>) => this.#hear(data)
    document.addEventListener('visibilitychange', () => {
      this.#leadInSight()
      this.#giveWay()
    })
    this.#sayHello()
    if (document.hidden) this.#hold(false)
    else this.#leadInSight()
  }

  #leadInSight(): void {
    if (document.hidden || this.#fanout !== undefined || this.#turn?.steals) return
    const waiting = this.#turn
    this.#hold(true)
    waiting?.abort.abort()
  }

  /** A page in sight that was so before hears of no change by itself. */
  #giveWay(): void {
    if (document.hidden && this.#fanout !== undefined) this.#say({ kind: 'out-of-sight' })
  }

  /** The lock is held until this page goes, or another one takes it. */
  #hold(steals: boolean): void {
    const turn = { steals, abort: new AbortController() }
    this.#turn = turn
    const held = navigator.locks.request(name, steals ? { steal: true } : { signal: turn.abort.signal }, () => {
      // Given up, or another page has taken it already.
      if (this.#turn !== turn) return undefined
      this.#lead()
      return new Promise<never>(() => {})
    })
    held.catch((error: DOMException) => {
      if (this.#turn !== turn) return
      this.#turn = undefined
      // Else this page may hold no lock at all, and only listens.
      if (error.name === 'AbortError') this.#follow()
    })
  }

  #lead(): void {
    const fanout = new Fanout()
    this.#fanout = fanout
    const tell = (news: News) => {
      for (const told of toldOf(news, fanout)) {
        this.#keep(told)
        this.#say(told)
      }
    }
    fanout.join(tell, { lastEventId: this.#lastEventId, pulls: [...this.#pulls.values()], marks: this.#marks })
    this.#say({ kind: 'lead' })
    this.#giveWay()
  }

  #follow(): void {
    this.#fanout?.close()
    this.#fanout = undefined
    this.#sayHello()
    this.#hold(false)
  }

  #hear(told: Told): void {
    if (told.kind === 'lead') this.#sayHello()
    else if (told.kind === 'out-of-sight') this.#leadInSight()
    else if (told.kind === 'hello') this.#greet(told)
    else if (this.#fanout === undefined && (told.to ?? this.#self) === this.#self) this.#keep(told)
  }

  /** Tells a page that is new, or has a new leader, of everything. */
  #greet({ from: to, ended, marks }: Extract<Told, { readonly kind: 'hello' }>): void {
    const fanout = this.#fanout
    if (fanout === undefined) return
    const tell = (news: News) => {
      for (const told of toldOf(news, fanout)) this.#say({ ...told, to })
    }
    fanout.join(tell, { lastEventId: undefined, pulls: ended, marks })
    fanout.leave(tell)
  }

  /** Ends are told by no stream again, so they are brought along. */
  #sayHello(): void {
    if (this.#fanout !== undefined) return
    const ended = [...this.#pulls.values()].filter(({ phase }) => isTerminal(phase))
    this.#say({ kind: 'hello', from: this.#self, ended, marks: this.#marks })
  }

  #keep({ news, whole, marks, lastEventId }: ToldNews): void {
    if (news.kind !== 'link') {
      const named = news.kind === 'all' ? namedBy(news) : undefined
      const gone = news.kind === 'all' ? [...this.#pulls.keys()].filter(id => !named?.has(id)) : news.gone
      for (const id of gone) {
        this.#pulls.delete(id)
        this.#marks.delete(id)
      }
      for (const pull of news.pulls) {
        this.#pulls.set(pull.id, pull)
        const mark = marks.get(pull.id)
        if (mark === undefined) this.#marks.delete(pull.id)
        else this.#marks.set(pull.id, mark)
      }
      // Changes alone make no state that a page without one could go on from.
      const goesOn = this.#lastEventId !== undefined && lastEventId !== undefined
      if (whole || goesOn) this.#lastEventId = lastEventId
    }
    this.#show(news)
  }

  #say(told: Told): void {
    this.#channel.postMessage(told)
  }
}

/** Whole states in pieces. Who has only some of them takes a new state when its turn to lead comes. */
function* toldOf(news: News, fanout: Fanout): Generator<ToldNews> {
  const pieces = [...inPieces(news)]
  for (const [index, piece] of pieces.entries()) {
    const lastEventId = index === pieces.length - 1 ? fanout.lastEventId : undefined
    yield { kind: 'news', news: piece, whole: news.kind === 'all', marks: fanout.marksOf(piece), lastEventId }
  }
}
