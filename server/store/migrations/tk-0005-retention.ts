import type { Migration } from './migration.ts'

/**
 * What is set for keeping events, by whom it is done, for who only reads: one row, once there was a run.
 * `removed_ms` and the counts are of the newest run that removed any. 0 in `keep_ms` and `max_bytes` is no bound.
 */
export const retention: Migration = {
  version: 5,
  name: 'tk-0005-retention',
  sqlite: `
    CREATE TABLE event_retention (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      keep_ms INTEGER NOT NULL,
      max_bytes INTEGER NOT NULL,
      ran_ms INTEGER NOT NULL,
      removed_ms INTEGER,
      by_age INTEGER NOT NULL,
      by_size INTEGER NOT NULL
    ) STRICT;
  `,
}
