import type { Migration } from './migration.ts'

export const pulls: Migration = {
  version: 1,
  name: '0001-pulls',
  // `pulls` holds what is searched and summed, in about 150 bytes a row; the whole pull is in `pull_bodies`, so that a
  // summary never reads it. Every index on ended_ms ends in the rowid, which breaks ties between equal times.
  // `images` is small beside `pulls`: a part of a name is looked for there, and its count tells rare from common.
  // Times are epoch ms: ended_ms by the clock of the node, kept_ms (when it was stored) by that of the server.
  sqlite: `
    CREATE TABLE images (
      id INTEGER PRIMARY KEY,
      ref TEXT NOT NULL UNIQUE,
      pulls INTEGER NOT NULL DEFAULT 0
    ) STRICT;

    CREATE TABLE pulls (
      seq INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      image INTEGER NOT NULL REFERENCES images (id),
      node TEXT NOT NULL,
      registry TEXT NOT NULL,
      phase TEXT NOT NULL,
      error_code TEXT,
      ended_ms INTEGER NOT NULL,
      kept_ms INTEGER NOT NULL,
      duration_ms INTEGER NOT NULL,
      downloaded_bytes INTEGER NOT NULL,
      cached_bytes INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX pulls_by_end ON pulls (ended_ms);
    CREATE INDEX pulls_by_kept ON pulls (kept_ms);
    CREATE INDEX pulls_by_node ON pulls (node, ended_ms);
    CREATE INDEX pulls_by_image ON pulls (image, ended_ms);
    CREATE INDEX pulls_by_phase ON pulls (phase, ended_ms);
    CREATE INDEX pulls_by_error_code ON pulls (error_code, ended_ms) WHERE error_code IS NOT NULL;

    CREATE TABLE pull_bodies (
      pull INTEGER PRIMARY KEY REFERENCES pulls (seq) ON DELETE CASCADE,
      body TEXT NOT NULL
    ) STRICT;

    CREATE TABLE pods (
      pull INTEGER NOT NULL REFERENCES pulls (seq) ON DELETE CASCADE,
      namespace TEXT NOT NULL,
      name TEXT NOT NULL,
      ended_ms INTEGER NOT NULL,
      PRIMARY KEY (pull, namespace, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX pods_by_namespace ON pods (namespace, ended_ms, pull);
    CREATE INDEX pods_by_name ON pods (name, ended_ms, pull);

    CREATE TRIGGER pulls_added AFTER INSERT ON pulls BEGIN
      UPDATE images SET pulls = pulls + 1 WHERE id = NEW.image;
    END;
    CREATE TRIGGER pulls_renamed AFTER UPDATE OF image ON pulls WHEN OLD.image <> NEW.image BEGIN
      UPDATE images SET pulls = pulls + 1 WHERE id = NEW.image;
      UPDATE images SET pulls = pulls - 1 WHERE id = OLD.image;
      DELETE FROM images WHERE id = OLD.image AND pulls = 0;
    END;
    CREATE TRIGGER pulls_removed AFTER DELETE ON pulls BEGIN
      UPDATE images SET pulls = pulls - 1 WHERE id = OLD.image;
      DELETE FROM images WHERE id = OLD.image AND pulls = 0;
    END;

    CREATE TABLE probe (at_ms INTEGER NOT NULL) STRICT;
  `,
}
