import type { DatabaseSync } from 'node:sqlite'
import type { PullRow } from './rows.ts'
import type { Statements } from './statements.ts'
import { transaction } from './transaction.ts'

/** Rows removed in one transaction: short enough that an append behind it does not wait long. */
export const pruneRows = 500

/** Inserts, or replaces all that is known of an id. Inside a transaction. */
export function putPull(statements: Statements, row: PullRow): void {
  statements.of('INSERT INTO images (ref) VALUES (?) ON CONFLICT (ref) DO NOTHING').run(row.imageRef)
  const { seq } = statements
    .of(
      `INSERT INTO pulls
        (id, image, node, registry, phase, error_code, ended_ms, kept_ms, duration_ms, downloaded_bytes, cached_bytes)
      VALUES (?, (SELECT id FROM images WHERE ref = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET image = excluded.image, node = excluded.node, registry = excluded.registry,
        phase = excluded.phase, error_code = excluded.error_code, ended_ms = excluded.ended_ms,
        kept_ms = excluded.kept_ms, duration_ms = excluded.duration_ms,
        downloaded_bytes = excluded.downloaded_bytes, cached_bytes = excluded.cached_bytes
      RETURNING seq`,
    )
    .get(
      row.id,
      row.imageRef,
      row.node,
      row.registry,
      row.phase,
      row.errorCode,
      row.endedMs,
      row.keptMs,
      row.durationMs,
      row.downloadedBytes,
      row.cachedBytes,
    ) as { seq: number }
  statements
    .of('INSERT INTO pull_bodies VALUES (?, ?) ON CONFLICT (pull) DO UPDATE SET body = excluded.body')
    .run(seq, row.body)
  statements.of('DELETE FROM pods WHERE pull = ?').run(seq)
  for (const [namespace, name] of row.pods) {
    statements.of('INSERT INTO pods VALUES (?, ?, ?, ?)').run(seq, namespace, name, row.endedMs)
  }
}

/**
 * Removes up to `most` pulls, those kept before `beforeMs` first, then the oldest while
 * the pages in use are above `maxBytes`. Returns how many went; 0 when all is done.
 */
export function pruneSome(
  db: DatabaseSync,
  statements: Statements,
  beforeMs: number,
  maxBytes: number,
  most: number,
): number {
  return transaction(db, () => {
    const aged = statements
      .of('DELETE FROM pulls WHERE seq IN (SELECT seq FROM pulls WHERE kept_ms < ? ORDER BY kept_ms, seq LIMIT ?)')
      .run(beforeMs, most).changes
    if (Number(aged) > 0) return Number(aged)
    const excessBytes = usedBytes(statements) - maxBytes
    const pulls = countPulls(statements)
    if (excessBytes <= 0 || pulls === 0) return 0
    const meanBytes = usedBytes(statements) / pulls
    const rows = Math.max(1, Math.min(most, Math.ceil(excessBytes / meanBytes)))
    return Number(
      statements.of('DELETE FROM pulls WHERE seq IN (SELECT seq FROM pulls ORDER BY kept_ms, seq LIMIT ?)').run(rows)
        .changes,
    )
  })
}

export function countPulls(statements: Statements): number {
  return (statements.of('SELECT coalesce(sum(pulls), 0) AS pulls FROM images').get() as { pulls: number }).pulls
}

function usedBytes(statements: Statements): number {
  const { bytes } = statements
    .of(
      `SELECT (page_count - freelist_count) * page_size AS bytes
      FROM pragma_page_count, pragma_freelist_count, pragma_page_size`,
    )
    .get() as { bytes: number }
  return bytes
}
