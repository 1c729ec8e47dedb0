import { Code } from '../../../core/lib/errors.ts'

/** How a database is called when it fails, and what mends it: the same faults, other files and settings. */
export interface StoreWords {
  /** 'history is unavailable: ...' */
  readonly name: string
  /** What callers of a write get while the disk is full. */
  readonly whenFull: { readonly code: Code; readonly retryAfterSeconds: number }
  /** The setting that says where the file is. */
  readonly placeSetting: string
  /** The setting that makes less be kept. */
  readonly retentionSetting: string
  /** What is left for a process that is told that the file is in use. */
  readonly whenInUse: string
  /** What one has after the file was moved away. */
  readonly emptied: string
  /** What stops before the file is moved. */
  readonly owner: string
}

export const historyWords: StoreWords = {
  name: 'history',
  whenFull: { code: Code.Unavailable, retryAfterSeconds: 1 },
  placeSetting: 'PULLTRACE_DATA_DIR',
  retentionSetting: 'PULLTRACE_HISTORY_TTL',
  whenInUse: 'stop the other process, or give this one a data folder of its own (PULLTRACE_DATA_DIR)',
  emptied: 'with an empty history',
  owner: 'the server',
}

export const tkWords: StoreWords = {
  name: 'rules database',
  whenFull: { code: Code.Exhausted, retryAfterSeconds: 60 },
  placeSetting: 'TK_DATABASE_URL',
  retentionSetting: 'TK_EVENTS_RETENTION',
  whenInUse: 'try again; if it stays so, look for a process that holds a transaction open, such as a shell of sqlite3',
  emptied: 'without rules, keys and events',
  owner: 'all processes that use it',
}
