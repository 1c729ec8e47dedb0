import type { Pull } from '../../core/contract/pull.ts'
import type { PullEvent } from '../../core/contract/pull-event.ts'
import { isTerminal, type Phase } from '../../core/contract/words.ts'
import type { StreamItem } from './stream.ts'

/** How long an ended pull stays in sight. A failure waits longer for its reader. Milliseconds. */
export const keepDoneMs = 60_000
export const keepFailedMs = 300_000
/** How long a pull that a restarted server has not heard of yet stays in sight. Milliseconds. */
export const keepMissingMs = 15_000
/** Ended pulls kept in memory, whatever their age; above it completed ones go first. */
const maxEnded = 200

export interface SeenPull {
  readonly pull: Pull
  /** When the newest event came, by our clock. Epoch ms. */
  readonly seenAtMs: number
  /** When the server sent it, by its clock: what its other times are compared with. Epoch ms. */
  readonly sentAtMs: number
  readonly endedAtMs: number | undefined
  /** Since when the server does not know it, after a `reset`. Epoch ms. */
  readonly missingSinceMs: number | undefined
}

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly reason: string; readonly retryAtMs: number }

/** What is on the screen: the pulls a stream told of, those that ended for a while longer. */
export class WatchView {
  #pulls = new Map<string, SeenPull>()
  #connection: Connection = { state: 'connecting' }
  #synced = false
  /** While a full state comes in: the ids it has named. Undefined otherwise. */
  #syncing: Set<string> | undefined
  #notUnderstood = 0

  get connection(): Connection {
    return this.#connection
  }

  /** Whether the whole state has come at least once. */
  get synced(): boolean {
    return this.#synced
  }

  get notUnderstood(): number {
    return this.#notUnderstood
  }

  apply(item: StreamItem, nowMs: number): void {
    switch (item.kind) {
      case 'open':
        this.#connection = { state: 'live' }
        if (!item.resumed) this.#syncing = new Set()
        return
      case 'lost':
        this.#connection = { state: 'lost', reason: item.reason, retryAtMs: item.retryAtMs }
        return
      case 'reset':
        this.#syncing = new Set()
        return
      case 'synced':
        this.#finishSync(nowMs)
        return
      case 'event':
        if (item.event === undefined) this.#notUnderstood++
        else this.#take(item.event, nowMs)
        return
      default:
        item satisfies never
    }
  }

  #take({ pull, left, timestamp }: PullEvent, nowMs: number): void {
    this.#syncing?.add(pull.id)
    for (const id of pull.replaces ?? []) this.#pulls.delete(id)
    if (left) {
      this.#pulls.delete(pull.id)
      return
    }
    const ended = isTerminal(pull.phase)
    const before = this.#pulls.get(pull.id)
    this.#pulls.set(pull.id, {
      pull,
      seenAtMs: nowMs,
      sentAtMs: Date.parse(timestamp),
      endedAtMs: ended ? (before?.endedAtMs ?? nowMs) : undefined,
      missingSinceMs: undefined,
    })
  }

  /**
   * A pull that the new state lacks is not thrown out at once: a server that has just started hears
   * of it with the agent's next report, and a screen that blinks says that something went wrong.
   */
  #finishSync(nowMs: number): void {
    this.#synced = true
    const named = this.#syncing
    this.#syncing = undefined
    if (named === undefined) return
    for (const [id, seen] of this.#pulls) {
      if (seen.endedAtMs === undefined && !named.has(id)) {
        this.#pulls.set(id, { ...seen, missingSinceMs: seen.missingSinceMs ?? nowMs })
      }
    }
  }

  /** Pulls under way in the order in which they began, so that lines do not jump. Forgets what was in sight long enough. */
  active(nowMs: number): readonly SeenPull[] {
    this.#forget(nowMs)
    const active = [...this.#pulls.values()].filter(seen => seen.endedAtMs === undefined)
    return active.sort((a, b) => compare(a.pull.startedAt, b.pull.startedAt) || compare(a.pull.id, b.pull.id))
  }

  /** What did not complete above what did, so that where there is little room a failure is seen; newest end first. */
  ended(nowMs: number): readonly SeenPull[] {
    this.#forget(nowMs)
    return [...this.#pulls.values()].filter(seen => seen.endedAtMs !== undefined).sort(byInterest)
  }

  #forget(nowMs: number): void {
    const ended: SeenPull[] = []
    for (const [id, seen] of this.#pulls) {
      const { endedAtMs, missingSinceMs } = seen
      if (missingSinceMs !== undefined && nowMs - missingSinceMs >= keepMissingMs) this.#pulls.delete(id)
      else if (endedAtMs !== undefined && nowMs - endedAtMs >= keepMs(seen.pull.phase)) this.#pulls.delete(id)
      else if (endedAtMs !== undefined) ended.push(seen)
    }
    if (ended.length <= maxEnded) return
    ended.sort(byInterest)
    for (const { pull } of ended.slice(maxEnded)) this.#pulls.delete(pull.id)
  }
}

const keepMs = (phase: Phase) => (phase === 'completed' ? keepDoneMs : keepFailedMs)
const completed = ({ pull }: SeenPull) => Number(pull.phase === 'completed')
const byInterest = (a: SeenPull, b: SeenPull) =>
  completed(a) - completed(b) || b.endedAtMs! - a.endedAtMs! || compare(a.pull.id, b.pull.id)
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0)
