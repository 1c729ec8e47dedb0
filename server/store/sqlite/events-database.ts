import type { DatabaseSync } from 'node:sqlite'
import type { EventFilter, EventsSize, Retention, RetentionRun } from '../events-store.ts'
import { sizeOf } from './database-file.ts'
import { type CountAnswer, type CountState, EventCounts } from './event-counts.ts'
import { deleteEvents, pruneEvents } from './event-retention.ts'
import { type EventRow, eventRow } from './event-rows.ts'
import { EventSearch, type IdsAnswer, type SearchAnswer, type SearchState } from './event-search.ts'
import { EventWriter } from './event-writer.ts'
import { type Failure, failureOf, isBusy } from './failure.ts'
import { readRetention, writeRetention } from './retention-rows.ts'
import type { Statements } from './statements.ts'
import { tkWords } from './store-words.ts'
import { snapshot, transaction } from './transaction.ts'

/** What a worker does with events, one call at a time. Batches come in packed; rows go out as they are. */
export class EventsDatabase {
  readonly #db: DatabaseSync
  readonly #statements: Statements
  readonly #file: string
  readonly #search: EventSearch
  readonly #counts: EventCounts
  #writer: EventWriter | undefined

  constructor(db: DatabaseSync, statements: Statements, file: string) {
    this.#db = db
    this.#statements = statements
    this.#file = file
    this.#search = new EventSearch(statements)
    this.#counts = new EventCounts(statements)
  }

  /**
   * Group commit: all batches in one transaction and one sync. If it fails for what one of them holds, each gets a
   * transaction of its own, so that one cannot fail the others. For each batch: `appendedCodes` of its events, or why
   * it was not written. Throws when nothing can be written now, whatever is in it.
   */
  append(batches: readonly ArrayBuffer[]): (Uint8Array | Failure)[] {
    try {
      return this.#write(batches)
    } catch (error) {
      const failure = this.#failureOfBatch(error)
      if (batches.length === 1) return [failure]
      return batches.map(batch => {
        try {
          return this.#write([batch])[0]!
        } catch (error) {
          return this.#failureOfBatch(error)
        }
      })
    }
  }

  get(eventId: Uint8Array): EventRow | undefined {
    const found = this.#statements.of('SELECT id FROM events WHERE event_id = ?').get(eventId)
    return found && eventRow(this.#statements, (found as { id: number }).id)
  }

  /** A part of a search: it ends after `forMs`, and goes on from its state. */
  search(filter: EventFilter, limit: number, state: SearchState, forMs: number): SearchAnswer {
    return snapshot(this.#db, () => this.#search.run(filter, limit, state, forMs))
  }

  /** A part of a search that wants only ids. */
  searchIds(filter: EventFilter, limit: number, state: SearchState, forMs: number): IdsAnswer {
    return snapshot(this.#db, () => this.#search.ids(filter, limit, state, forMs))
  }

  /** A part of a count, as of a search. */
  countByRule(sinceMs: number, state: CountState, forMs: number): CountAnswer {
    return snapshot(this.#db, () => this.#counts.run(sinceMs, state, forMs))
  }

  /** Deletes up to `most` events in one transaction; zeros when there is nothing left to delete. */
  pruneSome(olderThanMs: number, maxBytes: number, most: number): { byAge: number; bySize: number } {
    this.#writer?.forget()
    return transaction(this.#db, () => pruneEvents(this.#statements, olderThanMs, maxBytes, most))
  }

  deleteEvents(eventIds: readonly Uint8Array[]): number {
    this.#writer?.forget()
    return transaction(this.#db, () => deleteEvents(this.#statements, eventIds))
  }

  noteRetention(run: RetentionRun, nowMs: number): void {
    transaction(this.#db, () => writeRetention(this.#statements, run, nowMs))
  }

  retention(): Retention | undefined {
    return readRetention(this.#statements)
  }

  size(): EventsSize {
    const size = this.#statements
      .of(
        `SELECT (SELECT CAST(total(events) AS INTEGER) FROM event_blocks) AS events,
           (SELECT CAST(total(bytes) AS INTEGER) FROM event_blocks) AS bytes,
           page_count * page_size AS databaseBytes, freelist_count * page_size AS freeBytes
         FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
      )
      .get() as unknown as EventsSize
    return { ...size, databaseBytes: size.databaseBytes + sizeOf(`${this.#file}-wal`) }
  }

  #write(batches: readonly ArrayBuffer[]): Uint8Array[] {
    this.#writer ??= new EventWriter(this.#statements)
    const writer = this.#writer
    try {
      return transaction(this.#db, () => writer.write(batches))
    } catch (error) {
      // The commit itself can fail.
      writer.forget()
      throw error
    }
  }

  #failureOfBatch(error: unknown): Failure {
    const failure = failureOf(error, this.#file, tkWords)
    if (isBusy(error) || failure.kind !== 'internal') throw error
    return failure
  }
}
