import { Code, PulltraceError } from '../../../core/lib/errors.ts'
import { seenOf } from '../../../core/lib/seen.ts'
import { formatPath, parsePath } from '../../../core/rules/path.ts'
import { actions, matchKinds } from '../../../core/rules/rule.ts'
import type { EventFilter } from '../../store/events-store.ts'

const minuteMs = 60_000
/** Characters of a value that is looked for: an address of more would not arrive. */
const maxValue = 4096
const hourMs = 60 * minuteMs

/** How far back a search goes that names no times. */
export const spans: Readonly<Record<string, number>> = {
  '15m': 15 * minuteMs,
  '1h': hourMs,
  '24h': 24 * hourMs,
  '7d': 168 * hourMs,
  '30d': 720 * hourMs,
}
export const defaultSpan = '1h'

/** What the address of a search asks for. @throws Code.Invalid, with the parameter in `path`. */
export function parseEventQuery(query: URLSearchParams, nowMs: number): EventFilter {
  const text = (name: string) => query.get(name)?.trim() || undefined
  const untilMs = timeOf(query, 'until') ?? nowMs + 1
  const sinceMs = timeOf(query, 'since') ?? untilMs - spans[oneOf(query, 'within', Object.keys(spans)) ?? defaultSpan]!
  if (sinceMs >= untilMs) throw invalid('since', 'before `until`', query.get('since'))
  const dryRun = oneOf(query, 'dry_run', ['yes', 'no'] as const)
  return {
    ...{ sinceMs, untilMs },
    ruleId: text('rule')?.toLowerCase(),
    action: oneOf(query, 'action', actions),
    configuredAction: oneOf(query, 'configured', actions),
    dryRun: dryRun && dryRun === 'yes',
    matchKind: oneOf(query, 'kind', matchKinds),
    ...{ tag: text('tag'), sensorId: text('sensor')?.toLowerCase(), apiKeyId: text('key')?.toLowerCase() },
    matchedPath: pathOf(text('path')),
    matchedValue: typedValueOf(query.get('value')),
    metadata: metadataOf(text('metadata')),
    text: query.get('text') || undefined,
  }
}

/** Of an address that finds events; `parseEventQuery` reads all of them. */
const conditionNames: readonly string[] = [
  ...['since', 'until', 'within', 'rule', 'action', 'configured', 'dry_run', 'kind'],
  ...['tag', 'sensor', 'key', 'path', 'value', 'metadata', 'text'],
]

/**
 * As `parseEventQuery`, for what cannot be undone: a search passes over what it does not know, a second `tag` and a
 * blank one, and so would find more than whoever wrote the address means. @throws Code.Invalid, as it does.
 */
export function parseWholeQuery(query: URLSearchParams, nowMs: number): EventFilter {
  for (const [name, value] of query) {
    if (!conditionNames.includes(name)) {
      const details = { path: name, bound: `one of ${conditionNames.join(', ')}`, seen: seenOf(name) }
      throw new PulltraceError(Code.Invalid, `${seenOf(name)} is no condition of a search`, details)
    }
    const times = query.getAll(name).length
    if (times > 1) throw invalid(name, `there once, got it ${times} times`, value)
    // These two are looked for as they are: a record may hold a blank.
    const looked = name === 'value' || name === 'text' ? value : value.trim()
    if (looked === '') throw invalid(name, 'left out, or not be blank', value)
  }
  return parseEventQuery(query, nowMs)
}

/** The address that asks for just this: what is read from it again is the same. */
export function queryOf(filter: EventFilter): URLSearchParams {
  const { dryRun, metadata } = filter
  const conditions: Readonly<Record<string, string | undefined>> = {
    since: new Date(filter.sinceMs).toISOString(),
    until: new Date(filter.untilMs).toISOString(),
    rule: filter.ruleId,
    action: filter.action,
    configured: filter.configuredAction,
    dry_run: dryRun === undefined ? undefined : dryRun ? 'yes' : 'no',
    kind: filter.matchKind,
    tag: filter.tag,
    sensor: filter.sensorId,
    key: filter.apiKeyId,
    path: filter.matchedPath,
    value: filter.matchedValue,
    metadata: metadata && `${metadata.key}=${metadata.value}`,
    text: filter.text,
  }
  return new URLSearchParams(
    Object.entries(conditions).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}

function oneOf<const T extends readonly string[]>(
  query: URLSearchParams,
  name: string,
  words: T,
): T[number] | undefined {
  const asked = query.get(name)
  if (asked === null || asked === '') return undefined
  if (!words.includes(asked)) throw invalid(name, `one of ${words.join(', ')}`, asked)
  return asked as T[number]
}

/** RFC 3339, or as a browser's field for a date and a time writes it: then it is UTC. */
function timeOf(query: URLSearchParams, name: string): number | undefined {
  const asked = query.get(name)?.trim()
  if (!asked) return undefined
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:\d\d)?)?$/i.exec(asked)
  const ms = match ? Date.parse(`${match[1]}T${match[2] ?? '00:00'}${match[3] ?? 'Z'}`) : Number.NaN
  if (Number.isNaN(ms)) throw invalid(name, "a time such as '2026-11-22T08:00'", asked)
  return ms
}

/** In the one form in which events have it. */
function pathOf(written: string | undefined): string | undefined {
  if (written === undefined) return undefined
  try {
    return formatPath(parsePath(written))
  } catch {
    throw invalid('path', "a path such as 'layers[0].bytes'", written)
  }
}

/** Not trimmed: a value may begin or end with a space. */
function typedValueOf(typed: string | null): string | undefined {
  if (typed === null || typed === '') return undefined
  if (typed.length <= maxValue) return typed
  throw invalid('value', `at most ${maxValue} characters`, typed)
}

function metadataOf(written: string | undefined): EventFilter['metadata'] {
  if (written === undefined) return undefined
  const at = written.indexOf('=')
  if (at < 1) throw invalid('metadata', "'key=value'", written)
  return { key: written.slice(0, at), value: written.slice(at + 1) }
}

const invalid = (path: string, bound: string, seen: string | null) =>
  new PulltraceError(Code.Invalid, `\`${path}\` must be ${bound}`, { path, bound, seen: seenOf(seen) })
