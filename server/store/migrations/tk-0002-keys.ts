import type { Migration } from './migration.ts'

export const keys: Migration = {
  version: 2,
  name: 'tk-0002-keys',
  sqlite: `
    CREATE TABLE api_keys (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      id TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL,
      secret_id TEXT NOT NULL,
      hash BLOB NOT NULL UNIQUE,
      created_ms INTEGER NOT NULL,
      last_used_ms INTEGER,
      revoked_ms INTEGER
    ) STRICT;
    CREATE TRIGGER api_keys_stay BEFORE UPDATE OF id, secret_id, hash, created_ms ON api_keys BEGIN
      SELECT RAISE(ABORT, 'a key never changes');
    END;
    CREATE TRIGGER api_keys_stay_revoked BEFORE UPDATE OF revoked_ms ON api_keys WHEN OLD.revoked_ms IS NOT NULL BEGIN
      SELECT RAISE(ABORT, 'a revoked key stays revoked');
    END;
    CREATE TRIGGER api_keys_are_kept BEFORE DELETE ON api_keys BEGIN
      SELECT RAISE(ABORT, 'keys are revoked, not deleted');
    END;

    CREATE TABLE secrets (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      id TEXT NOT NULL,
      secret BLOB NOT NULL,
      created_ms INTEGER NOT NULL
    ) STRICT;
  `,
}
