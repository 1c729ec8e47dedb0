import type { Retention, RetentionRun } from '../events-store.ts'
import type { Statements } from './statements.ts'

/** In a transaction. A run that removed nothing leaves what the one before removed. */
export function writeRetention(statements: Statements, run: RetentionRun, nowMs: number): void {
  const { keepMs, maxBytes, byAge, bySize } = run
  const removedMs = byAge + bySize > 0 ? nowMs : null
  statements
    .of(
      `INSERT INTO event_retention VALUES (1, ?, ?, ?, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET
        keep_ms = excluded.keep_ms, max_bytes = excluded.max_bytes, ran_ms = excluded.ran_ms,
        by_age = iif(excluded.removed_ms IS NULL, by_age, excluded.by_age),
        by_size = iif(excluded.removed_ms IS NULL, by_size, excluded.by_size),
        removed_ms = coalesce(excluded.removed_ms, removed_ms)`,
    )
    .run(keepMs, maxBytes, nowMs, removedMs, byAge, bySize)
}

export function readRetention(statements: Statements): Retention | undefined {
  const row = statements
    .of(
      `SELECT keep_ms AS keepMs, max_bytes AS maxBytes, ran_ms AS ranAtMs, removed_ms AS atMs, by_age AS byAge,
        by_size AS bySize FROM event_retention`,
    )
    .get() as
    | { keepMs: number; maxBytes: number; ranAtMs: number; atMs: number | null; byAge: number; bySize: number }
    | undefined
  if (!row) return undefined
  const { atMs, byAge, bySize, ...set } = row
  return { ...set, ...(atMs !== null && { removed: { atMs, byAge, bySize } }) }
}
