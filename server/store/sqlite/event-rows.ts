import { parsePath } from '../../../core/rules/path.ts'
import type { Action } from '../../../core/rules/rule.ts'
import type { FoundEvent } from '../events-store.ts'
import { actionOf, matchKindOf } from './event-codes.ts'
import { metadataOf } from './event-context.ts'
import type { Statements } from './statements.ts'

/** An event with its context and its rule, as the database holds them. */
export interface EventRow {
  readonly eventId: Uint8Array
  readonly receivedMs: number
  readonly clientMs: number
  readonly ruleId: string
  readonly ruleVersion: number
  readonly ruleName: string | null
  readonly configuredAction: string | null
  readonly dryRun: number | null
  readonly action: number
  readonly matchKind: number
  readonly groupIndex: number
  readonly conditionIndex: number
  readonly path: string
  readonly value: string | null
  readonly valueTruncated: number
  readonly record: string | null
  readonly metadata: string | null
  readonly sensorId: string
  readonly apiKeyId: string
  readonly tags: string
  readonly sharedMetadata: string
  readonly saysReceived: number
}

export function eventRow(statements: Statements, id: number): EventRow | undefined {
  return statements
    .of(
      `SELECT e.event_id AS eventId, e.received_ms AS receivedMs, e.client_ms AS clientMs,
        coalesce(v.rule_id, e.unknown_rule) AS ruleId, coalesce(v.version, e.unknown_version) AS ruleVersion,
        v.name AS ruleName, v.action AS configuredAction, v.dry_run AS dryRun,
        e.action, e.match_kind AS matchKind, e.group_index AS groupIndex, e.condition_index AS conditionIndex,
        e.path, e.value, e.value_truncated AS valueTruncated, r.record, e.metadata,
        c.sensor_id AS sensorId, c.api_key_id AS apiKeyId, c.tags, c.metadata AS sharedMetadata,
        c.says_received AS saysReceived
      FROM events e JOIN event_contexts c ON c.id = e.context
        LEFT JOIN event_records r ON r.id = e.id LEFT JOIN rule_versions v ON v.seq = e.rule
      WHERE e.id = ?`,
    )
    .get(id) as unknown as EventRow | undefined
}

/** What is not known is left out. */
export function foundEvent(row: EventRow): FoundEvent {
  const context = {
    ...{ sensorId: row.sensorId, apiKeyId: row.apiKeyId },
    tags: JSON.parse(row.tags) as string[],
    metadata: JSON.parse(row.sharedMetadata) as Record<string, string>,
    saysReceived: row.saysReceived === 1,
  }
  const own = row.metadata === null ? undefined : (JSON.parse(row.metadata) as Record<string, string>)
  return {
    eventId: formatUuid(row.eventId),
    ruleId: row.ruleId,
    ruleVersion: row.ruleVersion,
    action: actionOf(row.action),
    matchKind: matchKindOf(row.matchKind),
    groupIndex: row.groupIndex,
    conditionIndex: row.conditionIndex,
    matchedPath: row.path === '' ? [] : parsePath(row.path),
    ...(row.value !== null && { matchedValueJson: row.value }),
    matchedValueTruncated: row.valueTruncated === 1,
    ...(row.record !== null && { recordJson: row.record }),
    clientAtMs: row.clientMs,
    receivedAtMs: row.receivedMs,
    sensorId: row.sensorId,
    apiKeyId: row.apiKeyId,
    tags: context.tags,
    metadata: metadataOf(context, row.receivedMs, own),
    ...(row.ruleName !== null && { ruleName: row.ruleName }),
    ...(row.configuredAction !== null && { configuredAction: row.configuredAction as Action }),
    ...(row.dryRun !== null && { dryRun: row.dryRun === 1 }),
  }
}

function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
