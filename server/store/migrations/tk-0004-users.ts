import type { Migration } from './migration.ts'

export const users: Migration = {
  version: 4,
  name: 'tk-0004-users',
  sqlite: `
    CREATE TABLE users (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      name_key TEXT NOT NULL UNIQUE,
      role TEXT NOT NULL CHECK (role IN ('viewer', 'editor', 'admin')),
      password_hash TEXT NOT NULL,
      must_change INTEGER NOT NULL,
      created_ms INTEGER NOT NULL,
      last_sign_in_ms INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE sessions (
      token_hash BLOB PRIMARY KEY,
      user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
      created_ms INTEGER NOT NULL,
      last_seen_ms INTEGER NOT NULL,
      idle_ms INTEGER NOT NULL,
      ends_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sessions_by_user ON sessions (user_id);
  `,
}
