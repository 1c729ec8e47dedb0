import { statfsSync, statSync } from 'node:fs'
import path from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { HistoryGroup, HistorySummary } from '../../../core/contract/api.ts'
import type { TerminalPhase } from '../../../core/contract/words.ts'
import type { HistoryFilter } from '../store.ts'
import { type Failure, failureOf } from './failure.ts'
import { countPulls, pruneRows, pruneSome, putPull, returnPages, transaction } from './history-writes.ts'
import { keepReserve, releaseReserve } from './reserve.ts'
import type { PullRow } from './rows.ts'
import { searchQuery, summaryQuery } from './search-query.ts'
import { Statements } from './statements.ts'

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

/** SQLite's own default, which every database here has. */
const pageBytes = 4096
const fewestPages = 16

/**
 * What the worker does, one call at a time; arguments and answers can be cloned.
 * Rows go in and bodies come out as texts: JSON is the server thread's work.
 */
export class HistoryDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #file: string

  constructor(db: DatabaseSync, file: string) {
    this.#db = db
    this.#statements = new Statements(db)
    this.#file = file
  }

  /**
   * Group commit: all appends in one transaction and one sync. If it fails for what one of
   * them holds, each gets a transaction of its own, so that one append cannot fail the others.
   * One entry each: why it was not written, or undefined.
   */
  append(appends: readonly (readonly PullRow[])[]): (Failure | undefined)[] {
    const write = (rows: readonly PullRow[]): Failure | undefined => {
      try {
        transaction(this.#db, () => {
          for (const row of rows) putPull(this.#statements, row)
        })
        return undefined
      } catch (error) {
        return failureOf(error, this.#file)
      }
    }
    const failure = write(appends.flat())
    if (failure?.kind === 'internal' && appends.length > 1) return appends.map(write)
    return appends.map(() => failure)
  }

  endsOf(ids: readonly string[]): [string, TerminalPhase][] {
    const rows = this.#statements
      .of('SELECT id, phase FROM pulls WHERE id IN (SELECT value FROM json_each(?))')
      .all(JSON.stringify(ids)) as unknown as { id: string; phase: TerminalPhase }[]
    return rows.map(({ id, phase }) => [id, phase])
  }

  get(id: string): string | undefined {
    const row = this.#statements
      .of('SELECT body FROM pull_bodies WHERE pull = (SELECT seq FROM pulls WHERE id = ?)')
      .get(id) as { body: string } | undefined
    return row?.body
  }

  search(filter: HistoryFilter, limit: number, after: PullPlace | undefined): Found<string, PullPlace> {
    const imagePulls = filter.image === undefined ? 0 : this.#pullsOfImages(filter.image)
    if (filter.image !== undefined && imagePulls === 0) return { items: [], last: undefined }
    const { sql, params } = searchQuery(filter, limit + 1, after, imagePulls)
    const rows = this.#statements.of(sql).iterate(...params) as IterableIterator<SearchRow>
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
    const rows = this.#statements.of(sql).all(...params) as unknown as SummaryRow[]
    const last = rows.length > limit ? rows[limit - 1] : undefined
    return { items: rows.slice(0, limit).map(summaryOf), last: last && [last.count, last.key] }
  }

  pruneSome(beforeMs: number, maxBytes: number, most = pruneRows): number {
    return pruneSome(this.#db, this.#statements, beforeMs, maxBytes, most)
  }

  /** Gives up to `pages` free pages back, fewer on a volume that is nearly full; returns how many are left to give. */
  returnPages(pages: number): number {
    const { bavail, bsize } = statfsSync(path.dirname(this.#file))
    // For each page that goes at the end of the file, others may be written to the WAL.
    const fitting = Math.floor((bavail * bsize) / pageBytes / 4)
    return returnPages(this.#db, this.#statements, Math.max(fewestPages, Math.min(pages, fitting)))
  }

  /** Moves the WAL into the file and empties it. */
  checkpoint(): void {
    this.#db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  keepReserve(): void {
    keepReserve(this.#file)
  }

  releaseReserve(): boolean {
    return releaseReserve(this.#file)
  }

  size(): { pulls: number; bytes: number } {
    return { pulls: countPulls(this.#statements), bytes: sizeOf(this.#file) + sizeOf(`${this.#file}-wal`) }
  }

  /** Throws unless a write reaches the disk. */
  probe(nowMs: number): void {
    transaction(this.#db, () => {
      this.#statements.of('DELETE FROM probe').run()
      this.#statements.of('INSERT INTO probe VALUES (?)').run(nowMs)
    })
  }

  close(): void {
    this.#db.close()
  }

  #pullsOfImages(part: string): number {
    const row = this.#statements
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

function summaryOf({ p50Ms, p95Ms, ...rest }: SummaryRow): HistorySummary {
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000)
  return { ...rest, p50Seconds: seconds(p50Ms), p95Seconds: seconds(p95Ms) }
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}
