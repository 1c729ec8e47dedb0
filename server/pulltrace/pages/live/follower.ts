import type { Pull } from '../../../../core/contract/pull.ts'
import type { PullEvent } from '../../../../core/contract/pull-event.ts'
import { isTerminal } from '../../../../core/contract/words.ts'

/** How long what has ended stays in sight. A failure waits longer for its reader. Milliseconds. */
export const keepDoneMs = 60_000
export const keepFailedMs = 300_000
/** How long a pull that a restarted server has not heard of yet stays in sight. Milliseconds. */
const keepMissingMs = 15_000
const maxEnded = 500
const firstRetryMs = 1000
const maxRetryMs = 5000
/**
 * After this long without a word the stream is opened anew. A machine that is gone, or a firewall that forgot a quiet
 * connection, ends no stream, and the server's comment each 15 s is hidden from scripts. Milliseconds.
 */
export const silentMs = 45_000
/** A server that takes a connection and does not answer for this long hangs. Milliseconds. */
export const unansweredMs = 10_000
/** Each stream that was not answered makes the next one wait twice as long for that: a server may be slow, not away. */
const maxUnansweredMs = 40_000

/** What of EventSource is used. */
export interface Source {
  readonly readyState: number
  onopen: (() => void) | null
  onerror: (() => void) | null
  onmessage: ((message: { readonly data: string; readonly lastEventId: string }) => void) | null
  addEventListener(type: 'reset' | 'synced', listener: (message: { readonly lastEventId: string }) => void): void
  close(): void
}

export type News =
  /** `named`: the ids of all, where more of them come in messages of their own. */
  | { readonly kind: 'all'; readonly pulls: readonly Pull[]; readonly named?: readonly string[] }
  | { readonly kind: 'changes'; readonly pulls: readonly Pull[]; readonly gone: readonly string[] }
  | { readonly kind: 'link'; readonly link: Link }

/** `refused`: the server wants a sign-in. */
export type Link = 'connecting' | 'live' | 'lost' | 'refused'

/** Epoch ms by the clock of this browser. */
export interface Mark {
  readonly endedAtMs: number | undefined
  /** Since when the server's state lacks it. */
  readonly missingSinceMs: number | undefined
}
export type Marks = ReadonlyMap<string, Mark>

/** What a page shows already. */
export interface Seed {
  /** To go on from; undefined when the page does not show every active pull. */
  readonly lastEventId: string | undefined
  /** Those that have ended, which no stream tells of again; with the id above the active ones too. */
  readonly pulls: readonly Pull[]
  /** By id, where another follower had them; else what has ended counts from now, and nothing is missing. */
  readonly marks?: Marks
}

export interface FollowerParts {
  readonly open: (lastEventId: string | undefined) => Source
  /** Whether the server still lets this reader in; asked when it closed the stream. */
  readonly allowed: () => Promise<boolean>
  /** What has ended lately; asked when a new state lacks pulls that were under way. */
  readonly ended: () => Promise<readonly Pull[]>
  readonly after: (ms: number, work: () => void) => void
  readonly now: () => number
  readonly tell: (news: News) => void
}

interface Seen extends Mark {
  readonly pull: Pull
}

/**
 * Follows the stream over any number of connections and keeps the pulls that it told of. `take` hands out what has
 * changed since it was last called: who shows it decides how often.
 */
export class Follower {
  readonly #parts: FollowerParts
  readonly #pulls = new Map<string, Seen>()
  readonly #changed = new Set<string>()
  readonly #gone = new Set<string>()
  #lastEventId: string | undefined
  /** While a full state comes in: the ids it has named. */
  #syncing: Set<string> | undefined
  #source: Source | undefined
  #heardAtMs = 0
  #patienceMs = unansweredMs
  #retryMs = firstRetryMs
  #closed = false
  link: Link = 'connecting'

  constructor(parts: FollowerParts) {
    this.#parts = parts
  }

  start({ lastEventId, pulls, marks }: Seed): void {
    this.#lastEventId = lastEventId
    for (const pull of pulls) this.#keep(pull, marks?.get(pull.id))
    // Whoever gave them has them.
    this.#changed.clear()
    this.#connect()
    // Who followed before may have gone before it was answered.
    this.#seekMissing()
  }

  /** Takes in ends that another page was shown. */
  adopt({ pulls, marks }: Seed): void {
    for (const pull of pulls) {
      if (isTerminal(pull.phase) && !this.#pulls.has(pull.id)) this.#keep(pull, marks?.get(pull.id))
    }
  }

  /** Whether all that is active is known. */
  get synced(): boolean {
    return this.#syncing === undefined && this.#lastEventId !== undefined
  }

  pulls(): Pull[] {
    return [...this.#pulls.values()].map(({ pull }) => pull)
  }

  /** What another follower must know of those of these pulls that go by themselves. */
  marksOf(pulls: readonly Pull[]): Marks {
    const marks = new Map<string, Mark>()
    for (const { id } of pulls) {
      const { endedAtMs, missingSinceMs } = this.#pulls.get(id) ?? {}
      if (endedAtMs !== undefined || missingSinceMs !== undefined) marks.set(id, { endedAtMs, missingSinceMs })
    }
    return marks
  }

  /** Undefined when nothing has changed. */
  take(): News | undefined {
    this.#forget()
    if (this.#changed.size === 0 && this.#gone.size === 0) return undefined
    const pulls = [...this.#changed].flatMap(id => this.#pulls.get(id)?.pull ?? [])
    const gone = [...this.#gone]
    this.#changed.clear()
    this.#gone.clear()
    return { kind: 'changes', pulls, gone }
  }

  /** Opens the stream anew when it has been silent for too long. To be called now and then. */
  checkLife(): void {
    const source = this.#source
    if (source === undefined) return
    const answered = source.readyState === 1
    const quietMs = this.#parts.now() - this.#heardAtMs
    // The clock was set back: else the stream could be silent for so much longer.
    if (quietMs < 0) this.#hear()
    if (quietMs < (answered ? silentMs : this.#patienceMs)) return
    source.close()
    // A quiet stream is no trouble yet: whether the next one is answered will tell.
    if (!answered) {
      this.#setLink('lost')
      this.#patienceMs = Math.min(maxUnansweredMs, 2 * this.#patienceMs)
    }
    this.#connect()
  }

  /** Where a follower of the same pulls may go on. */
  get lastEventId(): string | undefined {
    return this.#lastEventId
  }

  close(): void {
    this.#closed = true
    this.#source?.close()
    this.#source = undefined
  }

  #connect(): void {
    if (this.#closed) return
    this.#syncing = this.#lastEventId === undefined ? new Set() : undefined
    const source = this.#parts.open(this.#lastEventId)
    this.#source = source
    this.#hear()
    source.onopen = () => {
      this.#hear()
      this.#retryMs = firstRetryMs
      this.#patienceMs = unansweredMs
      this.#setLink('live')
    }
    source.onmessage = ({ data, lastEventId }) => {
      this.#remember(lastEventId)
      this.#apply(data)
    }
    source.addEventListener('reset', () => {
      this.#syncing = new Set()
    })
    source.addEventListener('synced', ({ lastEventId }) => {
      this.#remember(lastEventId)
      this.#finishSync()
    })
    source.onerror = () => {
      this.#hear()
      // It comes back by itself, except when the server answered with anything but a stream.
      if (source.readyState !== 2) this.#setLink('lost')
      else void this.#comeBack()
    }
  }

  async #comeBack(): Promise<void> {
    this.#source = undefined
    const allowed = await this.#parts.allowed().catch(() => true)
    this.#setLink(allowed ? 'lost' : 'refused')
    this.#parts.after(this.#retryMs, () => this.#connect())
    this.#retryMs = Math.min(maxRetryMs, this.#retryMs * 2)
  }

  #hear(): void {
    this.#heardAtMs = this.#parts.now()
  }

  #remember(lastEventId: string): void {
    this.#hear()
    if (lastEventId !== '') this.#lastEventId = lastEventId
  }

  #setLink(link: Link): void {
    if (this.link === link) return
    this.link = link
    this.#parts.tell({ kind: 'link', link })
  }

  #apply(data: string): void {
    const event = parsed(data)
    if (event === undefined) return
    const { pull, left } = event
    this.#syncing?.add(pull.id)
    for (const id of pull.replaces ?? []) this.#remove(id)
    if (left) this.#remove(pull.id)
    else this.#keep(pull)
  }

  #keep(pull: Pull, mark: Partial<Mark> = { endedAtMs: this.#pulls.get(pull.id)?.endedAtMs }): void {
    const endedAtMs = isTerminal(pull.phase) ? (mark.endedAtMs ?? this.#parts.now()) : undefined
    this.#pulls.set(pull.id, { pull, endedAtMs, missingSinceMs: mark.missingSinceMs })
    this.#changed.add(pull.id)
    this.#gone.delete(pull.id)
  }

  #remove(id: string): void {
    if (!this.#pulls.delete(id)) return
    this.#changed.delete(id)
    this.#gone.add(id)
  }

  /** What the new state lacks is not thrown out at once: a server that has just started hears of it with the next report. */
  #finishSync(): void {
    const named = this.#syncing
    this.#syncing = undefined
    if (named === undefined) return
    for (const [id, seen] of this.#pulls) {
      if (seen.endedAtMs !== undefined || named.has(id)) continue
      this.#pulls.set(id, { ...seen, missingSinceMs: seen.missingSinceMs ?? this.#parts.now() })
    }
    this.#changed.clear()
    this.#gone.clear()
    this.#parts.tell({ kind: 'all', pulls: this.pulls() })
    this.#seekMissing()
  }

  #seekMissing(): void {
    if (this.pulls().some(({ id }) => this.#misses(id))) void this.#askForEnds()
  }

  /** An end that went by while nobody was connected is in no state, and is told by no event. */
  async #askForEnds(): Promise<void> {
    // Without an answer they go in a while, as those do of which nobody knows.
    const ended = await this.#parts.ended().catch(() => [])
    for (const pull of ended) if (this.#misses(pull.id)) this.#keep(pull)
  }

  #misses(id: string): boolean {
    return this.#pulls.get(id)?.missingSinceMs !== undefined
  }

  #forget(): void {
    const now = this.#parts.now()
    const ended: [string, number][] = []
    for (const [id, { pull, endedAtMs, missingSinceMs }] of this.#pulls) {
      const keepMs = pull.phase === 'completed' ? keepDoneMs : keepFailedMs
      if (missingSinceMs !== undefined && now - missingSinceMs >= keepMissingMs) this.#remove(id)
      else if (endedAtMs !== undefined && now - endedAtMs >= keepMs) this.#remove(id)
      else if (endedAtMs !== undefined) ended.push([id, endedAtMs])
    }
    if (ended.length <= maxEnded) return
    ended.sort((a, b) => a[1] - b[1])
    for (const [id] of ended.slice(0, ended.length - maxEnded)) this.#remove(id)
  }
}

/** Undefined for what a later version may send. */
function parsed(data: string): PullEvent | undefined {
  const event = JSON.parse(data) as Partial<PullEvent>
  return event.schemaVersion === 'v1' && event.pull !== undefined ? (event as PullEvent) : undefined
}
