import type { Statements } from './statements.ts'

/** Blocks looked at in one transaction: enough for its events. */
const blocksAtOnce = 100

interface OldBlock {
  readonly id: number
  readonly ids: number
  readonly events: number
  readonly bytes: number
}

/**
 * Deletes up to `most` events: those received before a time, and when there are none, the oldest while all take more
 * than `maxBytes`. 0 is no bound. In a transaction.
 */
export function pruneEvents(
  statements: Statements,
  olderThanMs: number,
  maxBytes: number,
  most: number,
): { byAge: number; bySize: number } {
  const byAge = olderThanMs > 0 ? deleteAged(statements, olderThanMs, most) : 0
  const bySize = byAge === 0 && maxBytes > 0 ? deleteExcess(statements, maxBytes, most) : 0
  return { byAge, bySize }
}

function deleteAged(statements: Statements, olderThanMs: number, most: number): number {
  const blocks = statements
    .of('SELECT id, ids, events, bytes FROM event_blocks WHERE min_ms < ? ORDER BY id LIMIT ?')
    .all(olderThanMs, blocksAtOnce) as unknown as OldBlock[]
  let deleted = 0
  for (const block of blocks) {
    if (deleted === most) break
    deleted += deleteOf(statements, block, olderThanMs, most - deleted)
  }
  return deleted
}

function deleteExcess(statements: Statements, maxBytes: number, most: number): number {
  const { total } = statements.of('SELECT total(bytes) AS total FROM event_blocks').get() as { total: number }
  const blocks = statements
    .of('SELECT id, ids, events, bytes FROM event_blocks ORDER BY id LIMIT ?')
    .all(blocksAtOnce) as unknown as OldBlock[]
  let excessBytes = total - maxBytes
  let deleted = 0
  for (const block of blocks) {
    if (excessBytes <= 0 || deleted === most) break
    const meanBytes = block.bytes / block.events
    const count = Math.min(block.events, most - deleted, Math.ceil(excessBytes / meanBytes))
    deleted += deleteOf(statements, block, Number.MAX_SAFE_INTEGER, count)
    excessBytes -= count * meanBytes
  }
  return deleted
}

/** The oldest `most` events of a block that were received before a time. */
function deleteOf(statements: Statements, block: OldBlock, olderThanMs: number, most: number): number {
  const range = [block.id, block.id + block.ids] as const
  const chosen = 'SELECT id FROM events WHERE id >= ? AND id < ? AND received_ms < ? ORDER BY id LIMIT ?'
  // The records first: the events say which.
  statements.of(`DELETE FROM event_records WHERE id IN (${chosen})`).run(...range, olderThanMs, most)
  const deleted = statements.of(`DELETE FROM events WHERE id IN (${chosen})`).run(...range, olderThanMs, most).changes
  afterDeletion(statements, block)
  return Number(deleted)
}

/** Deletes these, wherever they are. In a transaction. */
export function deleteEvents(statements: Statements, eventIds: readonly Uint8Array[]): number {
  const blocks = new Map<number, OldBlock>()
  let deleted = 0
  for (const eventId of eventIds) {
    const gone = statements.of('DELETE FROM events WHERE event_id = ? RETURNING id').get(eventId) as
      | { id: number }
      | undefined
    if (!gone) continue
    deleted++
    statements.of('DELETE FROM event_records WHERE id = ?').run(gone.id)
    const block = statements
      .of('SELECT id, ids, events, bytes FROM event_blocks WHERE id <= ? ORDER BY id DESC LIMIT 1')
      .get(gone.id) as unknown as OldBlock
    blocks.set(block.id, block)
  }
  for (const block of blocks.values()) afterDeletion(statements, block)
  return deleted
}

/** What is left of a block of which events were deleted. */
function afterDeletion(statements: Statements, block: OldBlock): void {
  const range = [block.id, block.id + block.ids] as const
  const left = statements
    .of('SELECT count(*) AS events, min(received_ms) AS minMs FROM events WHERE id >= ? AND id < ?')
    .get(...range) as { events: number; minMs: number | null }
  if (left.events === 0) dropBlock(statements, block.id)
  else {
    statements
      .of('UPDATE event_blocks SET events = ?, bytes = ?, min_ms = ? WHERE id = ?')
      .run(left.events, Math.round((block.bytes * left.events) / block.events), left.minMs, block.id)
  }
}

/** With what it was found by, and the contexts that no other block refers to. */
function dropBlock(statements: Statements, block: number): void {
  // The term of a context is its id, negated (event-terms.ts).
  const contexts = statements.of('SELECT -term AS id FROM event_terms WHERE block = ? AND term < 0').all(block)
  statements.of('DELETE FROM event_terms WHERE block = ?').run(block)
  statements.of('DELETE FROM event_blocks WHERE id = ?').run(block)
  for (const { id } of contexts as unknown as { id: number }[]) {
    statements
      .of('DELETE FROM event_contexts WHERE id = ? AND NOT EXISTS (SELECT 1 FROM event_terms WHERE term = ?)')
      .run(id, -id)
  }
}
