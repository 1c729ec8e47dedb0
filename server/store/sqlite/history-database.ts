import type { HistoryGroup, HistorySummary } from '../../../core/contract/api.ts'
import type { TerminalPhase } from '../../../core/contract/words.ts'
import type { HistoryFilter, TimeSummary } from '../store.ts'
import { DatabaseFile } from './database-file.ts'
import { type Failure, failureOf } from './failure.ts'
import { countPulls, pruneRows, pruneSome, putPull } from './history-writes.ts'
import type { PullRow } from './rows.ts'
import { searchQuery, summaryQuery, timeQuery } from './search-query.ts'
import { historyWords } from './store-words.ts'
import { transaction } from './transaction.ts'

/** Where a page of pulls ended. */
export type PullPlace = readonly [endedMs: number, seq: number]
/** Where a page of groups ended. */
export type GroupPlace = readonly [count: number, key: string]

export interface Found<T, Place> {
  readonly items: readonly T[]
  /** Of the last item; undefined when nothing follows. */
  readonly last: Place | undefined
}

/** Bodies of one page: a thousand pulls of thousands of layers would not fit the memory of the worker. */
const maxPageChars = 8 * 1024 * 1024

/**
 * What the worker does, one call at a time; arguments and answers can be cloned.
 * Rows go in and bodies come out as texts: JSON is the server thread's work.
 */
export class HistoryDatabase extends DatabaseFile {
  /**
   * Group commit: all appends in one transaction and one sync. If it fails for what one of
   * them holds, each gets a transaction of its own, so that one append cannot fail the others.
   * One entry each: why it was not written, or undefined.
   */
  append(appends: readonly (readonly PullRow[])[]): (Failure | undefined)[] {
    const write = (rows: readonly PullRow[]): Failure | undefined => {
      try {
        transaction(this.db, () => {
          for (const row of rows) putPull(this.statements, row)
        })
        return undefined
      } catch (error) {
        return failureOf(error, this.file, historyWords)
      }
    }
    const failure = write(appends.flat())
    if (failure?.kind === 'internal' && appends.length > 1) return appends.map(write)
    return appends.map(() => failure)
  }

  endsOf(ids: readonly string[]): [string, TerminalPhase][] {
    const rows = this.statements
      .of('SELECT id, phase FROM pulls WHERE id IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(ids)) as unknown as { id: string; phase: TerminalPhase }[]
    return rows.map(({ id, phase }) => [id, phase])
  }

  get(id: string): string | undefined {
    const row = this.statements
      .of('SELECT body FROM pull_bodies WHERE pull = (SELECT seq FROM pulls WHERE id = ?)')
      .get(id) as { body: string } | undefined
    return row?.body
  }

  search(filter: HistoryFilter, limit: number, after: PullPlace | undefined): Found<string, PullPlace> {
    const imagePulls = filter.image === undefined ? 0 : this.#pullsOfImages(filter.image)
    if (filter.image !== undefined && imagePulls === 0) return { items: [], last: undefined }
    const { sql, params } = searchQuery(filter, limit + 1, after, imagePulls)
    const rows = this.statements.of(sql).iterate(...params) as IterableIterator<SearchRow>
    const items: string[] = []
    let chars = 0
    let last: PullPlace | undefined
    for (const { endedMs, seq, body } of rows) {
      chars += body.length
      if (items.length === limit || (items.length > 0 && chars > maxPageChars)) return { items, last }
      items.push(body)
      last = [endedMs, seq]
    }
    return { items, last: undefined }
  }

  summarize(
    group: HistoryGroup,
    filter: HistoryFilter,
    limit: number,
    after: GroupPlace | undefined,
  ): Found<HistorySummary, GroupPlace> {
    const { sql, params } = summaryQuery(group, filter, limit + 1, after)
    const rows = this.statements.of(sql).all(...params) as unknown as SummaryRow[]
    const last = rows.length > limit ? rows[limit - 1] : undefined
    return { items: rows.slice(0, limit).map(summaryOf), last: last && [last.count, last.key] }
  }

  summarizeTime(spanMs: number, filter: HistoryFilter, limit: number): readonly TimeSummary[] {
    const { sql, params } = timeQuery(spanMs, filter, limit)
    const rows = this.statements.of(sql).all(...params) as unknown as (Omit<SummaryRow, 'key'> & { key: number })[]
    return rows.map(({ key, ...sums }) => ({ startMs: key, ...summaryOf(sums) }))
  }

  pruneSome(beforeMs: number, maxBytes: number, most = pruneRows): number {
    return pruneSome(this.db, this.statements, beforeMs, maxBytes, most)
  }

  size(): { pulls: number; bytes: number } {
    return { pulls: countPulls(this.statements), bytes: this.bytes() }
  }

  #pullsOfImages(part: string): number {
    const row = this.statements
      .of('SELECT coalesce(sum(pulls), 0) AS pulls FROM images WHERE instr(ref, ?) > 0')
      .get(part) as { pulls: number }
    return row.pulls
  }
}

interface SearchRow {
  readonly endedMs: number
  readonly seq: number
  readonly body: string
}

type SummaryRow = Pick<HistorySummary, 'key' | 'count' | 'failed' | 'bytes' | 'cachedBytes'> & {
  readonly p50Ms: number | null
  readonly p95Ms: number | null
}

function summaryOf<T extends Pick<SummaryRow, 'p50Ms' | 'p95Ms'>>({ p50Ms, p95Ms, ...rest }: T) {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000)
  return { ...rest, p50Seconds: seconds(p50Ms), p95Seconds: seconds(p95Ms) }
}
