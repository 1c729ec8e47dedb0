import type { Migration } from './migration.ts'

/**
 * Events lie in the order in which they came, some hundreds to a block; what they are searched by is noted once for
 * each block in which it occurs, not once for each event (docs/decisions/0018).
 *
 * - `event_contexts`: what the events of a request share, once for all requests that are alike.
 * - `events`: what decides whether an event is found; `event_records` what is only shown, or searched as text.
 *   `rule` is a `rule_versions.seq`, or null for a rule that was never known here.
 *   `action`: 1 observe, 2 drop, 3 fail. `match_kind`: 1 VALUE, 2 MISSING_MATCHED, 3 COERCION_MATCHED, 4 MISSING_FAILED,
 *   5 COERCION_FAILED. `path` as people write it. `metadata`: the event's own.
 * - `event_blocks`: `id` is that of its first event, `ids` how many were given out; `bytes` what its events take.
 *   `high_ms` is the newest time of this block and of all before it, so that it rises with `id`.
 * - `event_terms`: which blocks can hold a value; `term` is a hash, so that what it finds is looked at again.
 *
 * Times are epoch ms.
 */
export const events: Migration = {
  version: 3,
  name: 'tk-0003-events',
  sqlite: `
    CREATE TABLE event_contexts (
      id INTEGER PRIMARY KEY,
      digest BLOB NOT NULL UNIQUE,
      sensor_id TEXT NOT NULL,
      api_key_id TEXT NOT NULL,
      tags TEXT NOT NULL,
      metadata TEXT NOT NULL,
      says_received INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE events (
      id INTEGER PRIMARY KEY,
      event_id BLOB NOT NULL UNIQUE,
      received_ms INTEGER NOT NULL,
      client_ms INTEGER NOT NULL,
      context INTEGER NOT NULL,
      rule INTEGER,
      unknown_rule TEXT,
      unknown_version INTEGER,
      action INTEGER NOT NULL,
      match_kind INTEGER NOT NULL,
      group_index INTEGER NOT NULL,
      condition_index INTEGER NOT NULL,
      path TEXT NOT NULL,
      value_truncated INTEGER NOT NULL,
      value TEXT,
      metadata TEXT
    ) STRICT;

    CREATE TABLE event_records (
      id INTEGER PRIMARY KEY,
      record TEXT NOT NULL
    ) STRICT;

    CREATE TABLE event_blocks (
      id INTEGER PRIMARY KEY,
      ids INTEGER NOT NULL,
      events INTEGER NOT NULL,
      bytes INTEGER NOT NULL,
      min_ms INTEGER NOT NULL,
      high_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX event_blocks_by_high ON event_blocks (high_ms);
    CREATE INDEX event_blocks_by_min ON event_blocks (min_ms);

    CREATE TABLE event_terms (
      block INTEGER NOT NULL,
      term INTEGER NOT NULL,
      PRIMARY KEY (block, term)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX event_terms_by_term ON event_terms (term);
  `,
}
