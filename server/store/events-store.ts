import type { Action, FieldPath, MatchKind } from '../../core/rules/rule.ts'
import type { Actor } from './rules-store.ts'
import type { Page } from './store.ts'

/** One match of one rule on one record, as it is stored. */
export interface SensorEvent {
  /** UUIDv7, lower case: the primary key. */
  readonly eventId: string
  readonly ruleId: string
  readonly ruleVersion: number
  /** What the sensor did: of a dry run, `observe`. */
  readonly action: Action
  readonly matchKind: MatchKind
  readonly groupIndex: number
  readonly conditionIndex: number
  readonly matchedPath: FieldPath
  /** JSON; undefined where there was no value. */
  readonly matchedValueJson?: string | undefined
  readonly matchedValueTruncated: boolean
  /** JSON text of the record; undefined where it was left out. */
  readonly recordJson?: string | undefined
  readonly clientAtMs: number
  readonly receivedAtMs: number
}

/** What the events of one request share; stored once for the batch. */
export interface EventBatch {
  readonly sensorId: string
  readonly apiKeyId: string
  readonly tags: readonly string[]
  /** With the server's `$tk.*` keys. */
  readonly metadata: Readonly<Record<string, string>>
  readonly events: readonly (SensorEvent & {
    /** The event's own keys, which win over those of the batch. */
    readonly metadata?: Readonly<Record<string, string>> | undefined
  })[]
}

export type Appended = 'stored' | 'duplicate' | 'unknown_rule'

/** An event as it is found: with the rule version that matched. */
export interface FoundEvent extends SensorEvent {
  readonly sensorId: string
  readonly apiKeyId: string
  readonly tags: readonly string[]
  readonly metadata: Readonly<Record<string, string>>
  /** Undefined when the rule was never known here. */
  readonly ruleName?: string | undefined
  readonly configuredAction?: Action | undefined
  readonly dryRun?: boolean | undefined
}

export interface EventFilter {
  readonly sinceMs: number
  readonly untilMs: number
  readonly ruleId?: string | undefined
  readonly action?: Action | undefined
  readonly configuredAction?: Action | undefined
  readonly dryRun?: boolean | undefined
  readonly matchKind?: MatchKind | undefined
  readonly sensorId?: string | undefined
  readonly tag?: string | undefined
  readonly apiKeyId?: string | undefined
  readonly metadata?: { readonly key: string; readonly value: string } | undefined
  /** As written: `layers[0].bytes`; a prefix is not enough. */
  readonly matchedPath?: string | undefined
  /**
   * The whole value of the matched field as a person types it: a text with or without quotes, or other JSON. Texts are
   * compared whatever escapes their sensor wrote, numbers as numbers. A value that its sensor cut is never found.
   */
  readonly matchedValue?: string | undefined
  /** Text anywhere in the record. */
  readonly text?: string | undefined
}

export interface EventsStore {
  /**
   * Stores what is not there yet, in one transaction with whatever else waits; resolves once it is on disk, with one
   * answer per event, in order.
   *
   * @throws Code.Exhausted when the disk is full; Code.Unavailable when the database is locked, closing or not usable.
   */
  append(batch: EventBatch): Promise<readonly Appended[]>
  /** Newest received first. @throws Code.Timeout when a search for text or a value took longer than 10 s. */
  search(filter: EventFilter, limit: number, cursor?: string): Promise<Page<FoundEvent>>
  /** How many events of each rule were received since then, by rule id. @throws Code.Timeout when it took longer than 10 s. */
  countByRule(sinceMs: number): Promise<ReadonlyMap<string, number>>
  get(eventId: string): Promise<FoundEvent | undefined>
  /** Deletes oldest first, in batches, what is older than a time or beyond a size; 0 = no bound. Once aborted it ends after the batch. */
  prune(
    olderThanMs: number,
    maxBytes: number,
    signal?: AbortSignal,
  ): Promise<{ readonly byAge: number; readonly bySize: number }>
  /** For readers of `retention`: what is set, and what a run of `prune` under it removed. */
  noteRetention(run: RetentionRun): Promise<void>
  /** Undefined before the first run. */
  retention(): Promise<Retention | undefined>
  /**
   * Deletes at most `most` of what a filter finds, newest received first, and notes in the audit log before and after
   * who, what and how many, also when it fails half way. `more`: there may be others, as it ends early when it took
   * 20 s, when looking for more takes as long as a search may, or when the signal is aborted.
   *
   * @throws Code.Timeout as `search`, when nothing is deleted yet.
   */
  deleteFound(
    filter: EventFilter,
    most: number,
    by: Actor,
    signal?: AbortSignal,
  ): Promise<{ readonly deleted: number; readonly more: boolean }>
  size(): Promise<EventsSize>
}

export interface RetentionRun {
  /** How long events are kept; 0 for ever. */
  readonly keepMs: number
  /** Most that they may take; 0: no bound but that of the volume. */
  readonly maxBytes: number
  readonly byAge: number
  readonly bySize: number
}

export interface Retention extends Pick<RetentionRun, 'keepMs' | 'maxBytes'> {
  readonly ranAtMs: number
  /** By the newest run that removed any. */
  readonly removed?: { readonly atMs: number; readonly byAge: number; readonly bySize: number }
}

export interface EventsSize {
  readonly events: number
  /** About what their rows take: what `prune` bounds. */
  readonly bytes: number
  /** The whole database on disk, everything else in it included. */
  readonly databaseBytes: number
  /** Of these, what waits for new rows. */
  readonly freeBytes: number
}
