import type { HistoryGroup, HistorySummary } from '../../core/contract/api.ts'
import type { Phase, TerminalPhase } from '../../core/contract/words.ts'
import type { PullState } from '../../core/pulls/pull.ts'

/** What a search of the history can ask for. All given conditions hold at once; texts are exact unless said. */
export interface HistoryFilter {
  readonly node?: string
  readonly namespace?: string
  readonly pod?: string
  /** A part of the image reference. */
  readonly image?: string
  readonly phases?: readonly Phase[]
  readonly errorCode?: string
  /** Ended at or after. Epoch ms. */
  readonly sinceMs?: number
  /** Ended before. Epoch ms. */
  readonly untilMs?: number
}

export interface Page<T> {
  readonly items: readonly T[]
  /** Opaque; undefined on the last page. */
  readonly nextCursor: string | undefined
}

/** Of the pulls that ended in one span of time. */
export interface TimeSummary extends Omit<HistorySummary, 'key'> {
  /** A multiple of the span. Epoch ms. */
  readonly startMs: number
}

/**
 * Pulls that have ended. Every engine passes `describeHistoryStore` in
 * conformance.ts; that suite, not this comment, is the contract.
 */
export interface HistoryStore {
  /**
   * Resolves when all are safe against power loss, in one transaction. A pull that
   * is there is replaced (an `unknown` that found its end, a reason that came late).
   * Rejects with Code.Unavailable, `fix` set, when that cannot be promised: append the same again later.
   */
  append(pulls: readonly PullState[]): Promise<void>
  /** How each of these ids ended; ids that never ended here are absent. */
  endsOf(ids: readonly string[]): Promise<ReadonlyMap<string, TerminalPhase>>
  get(id: string): Promise<PullState | undefined>
  /**
   * Newest end first; at most `limit`, fewer when they are large: the cursor alone says whether more follow.
   * Throws Code.Invalid for a cursor it did not make.
   */
  search(filter: HistoryFilter, limit: number, cursor?: string): Promise<Page<PullState>>
  /** Most pulls first. */
  summarize(group: HistoryGroup, filter: HistoryFilter, limit: number, cursor?: string): Promise<Page<HistorySummary>>
  /** The sums of each span of time in which something ended; at most `limit`, oldest first. `spanMs` divides a day. */
  summarizeTime(spanMs: number, filter: HistoryFilter, limit: number): Promise<readonly TimeSummary[]>
  /**
   * Removes what was appended before `beforeMs` (by our clock: a node's clock may be years off), then the
   * oldest until the files are below `maxBytes`, and gives the space back. Returns how many went. Once aborted it ends
   * after the small step that it is at; what is left is for the next call.
   */
  prune(beforeMs: number, maxBytes: number, signal?: AbortSignal): Promise<number>
  /** Counts for metrics: pulls kept and bytes on disk. */
  size(): Promise<{ readonly pulls: number; readonly bytes: number }>
  /** Without waiting: for readiness and metrics. While it is not healthy every call rejects or may reject. */
  health(): StoreHealth
  /** Finishes what was called before; whatever is called afterwards rejects with Code.Unavailable. */
  close(): Promise<void>
}

export type StoreHealth =
  | { readonly healthy: true }
  | {
      readonly healthy: false
      /** Why, as one of a few words: a metric label. */
      readonly kind: string
      readonly reason: string
      /** What a person can do; '' when there is nothing. */
      readonly fix: string
    }
