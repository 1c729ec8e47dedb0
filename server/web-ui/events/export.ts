import { formatPath } from '../../../core/rules/path.ts'
import type { FoundEvent } from '../../store/events-store.ts'
import type { Page } from '../../store/store.ts'

export const maxExported = 100_000
export const formats = ['jsonl', 'csv'] as const
export type Format = (typeof formats)[number]

/** The pages of a search one after the other, until there are no more, enough, or nobody reads. */
export async function* eachEvent(
  first: Page<FoundEvent>,
  next: (cursor: string) => Promise<Page<FoundEvent>>,
  signal: AbortSignal,
): AsyncGenerator<readonly FoundEvent[]> {
  let page = first
  for (let sent = 0; !signal.aborted; ) {
    const items = page.items.slice(0, maxExported - sent)
    yield items
    sent += items.length
    if (page.nextCursor === undefined || sent >= maxExported) return
    page = await next(page.nextCursor)
  }
}

export async function* exported(format: Format, pages: AsyncIterable<readonly FoundEvent[]>): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(Object.keys(columns))
  const lineOf = format === 'csv' ? (event: FoundEvent) => csvLine(csvValues(event)) : jsonLine
  for await (const events of pages) {
    // One text for a page: a write for each event would take longer than the search.
    if (events.length > 0) yield events.map(lineOf).join('')
  }
}

const columns: Readonly<Record<string, (event: FoundEvent) => string | undefined>> = {
  event_id: event => event.eventId,
  received_at: event => iso(event.receivedAtMs),
  client_timestamp: event => iso(event.clientAtMs),
  rule_id: event => event.ruleId,
  rule_version: event => String(event.ruleVersion),
  rule_name: event => event.ruleName,
  action: event => event.action,
  configured_action: event => event.configuredAction,
  dry_run: event => event.dryRun?.toString(),
  match_kind: event => event.matchKind,
  matched_field: event => formatPath(event.matchedPath),
  matched_value: event => event.matchedValueJson,
  sensor_id: event => event.sensorId,
  api_key_id: event => event.apiKeyId,
  tags: event => event.tags.join(' '),
  metadata: event => JSON.stringify(event.metadata),
  record: event => event.recordJson,
}

const csvValues = (event: FoundEvent) => Object.values(columns).map(read => read(event) ?? '')
const csvLine = (values: readonly string[]) => `${values.map(csvCell).join(',')}\r\n`

/** RFC 4180. What a spreadsheet would calculate is made text by an apostrophe; plain numbers stay numbers. */
export function csvCell(text: string): string {
  const formula = /^[\s\p{Cc}]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/u.test(text)
  const safe = formula && !/^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

/** JSON of the record and of the value goes in as it is stored: no number in it is rounded. */
function jsonLine(event: FoundEvent): string {
  const { matchedValueJson, recordJson } = event
  const head = JSON.stringify({
    ...{ event_id: event.eventId, received_at: iso(event.receivedAtMs), client_timestamp: iso(event.clientAtMs) },
    ...{ rule_id: event.ruleId, rule_version: event.ruleVersion, rule_name: event.ruleName, action: event.action },
    ...{ configured_action: event.configuredAction, dry_run: event.dryRun, match_kind: event.matchKind },
    ...{ matched_field: formatPath(event.matchedPath), sensor_id: event.sensorId, api_key_id: event.apiKeyId },
    ...{ tags: event.tags, metadata: event.metadata },
  })
  const value = matchedValueJson === undefined ? '' : `,"matched_value":${valueJson(event)}`
  const record = recordJson === undefined ? '' : `,"record":${recordJson}`
  return `${head.slice(0, -1)}${value}${record}}\n`
}

/** What was cut is no JSON any more: then it is a text. */
const valueJson = ({ matchedValueJson = '', matchedValueTruncated }: FoundEvent) =>
  matchedValueTruncated ? JSON.stringify(matchedValueJson) : matchedValueJson

const iso = (ms: number) => new Date(ms).toISOString()
