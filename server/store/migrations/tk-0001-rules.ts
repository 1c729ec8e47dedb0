import type { Migration } from './migration.ts'

/**
 * A version of a rule is a row that never changes: events refer to it by `seq`. What events are searched by stands in
 * columns, the whole of it in `body`. `rules` says which version is the newest.
 */
export const rules: Migration = {
  version: 1,
  name: 'tk-0001-rules',
  sqlite: `
    CREATE TABLE rules (
      rule_id TEXT PRIMARY KEY,
      version INTEGER NOT NULL,
      state TEXT NOT NULL,
      created_ms INTEGER NOT NULL,
      deleted_ms INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX rules_active ON rules (rule_id) WHERE state = 'active' AND deleted_ms IS NULL;

    CREATE TABLE rule_versions (
      seq INTEGER PRIMARY KEY AUTOINCREMENT,
      rule_id TEXT NOT NULL REFERENCES rules (rule_id),
      version INTEGER NOT NULL,
      name TEXT NOT NULL,
      action TEXT NOT NULL,
      dry_run INTEGER NOT NULL,
      body TEXT NOT NULL,
      author TEXT NOT NULL,
      written_ms INTEGER NOT NULL,
      UNIQUE (rule_id, version)
    ) STRICT;
    CREATE TRIGGER rule_versions_stay BEFORE UPDATE ON rule_versions BEGIN
      SELECT RAISE(ABORT, 'a version of a rule never changes');
    END;
    CREATE TRIGGER rule_versions_are_kept BEFORE DELETE ON rule_versions BEGIN
      SELECT RAISE(ABORT, 'versions of rules are kept');
    END;

    CREATE TABLE rules_state (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      revision INTEGER NOT NULL,
      paused_ms INTEGER,
      paused_by TEXT,
      paused_why TEXT
    ) STRICT;
    INSERT INTO rules_state (one, revision) VALUES (1, 1);

    CREATE TABLE audit (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at_ms INTEGER NOT NULL,
      actor TEXT NOT NULL,
      action TEXT NOT NULL,
      target TEXT NOT NULL,
      before TEXT,
      after TEXT,
      request_id TEXT,
      address TEXT
    ) STRICT;
    CREATE INDEX audit_by_time ON audit (at_ms);
    CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN
      SELECT RAISE(ABORT, 'the audit log is append-only');
    END;
    CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
    WHEN OLD.at_ms > (unixepoch('subsec') - 400 * 86400) * 1000 BEGIN
      SELECT RAISE(ABORT, 'the audit log is kept for 400 days');
    END;

    CREATE TABLE probe (at_ms INTEGER NOT NULL) STRICT;
  `,
}
