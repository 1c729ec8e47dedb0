import { isLongerThan } from './code-points.ts'
import { canonicalJson } from './etag.ts'
import { Faults, type RuleFault } from './faults.ts'
import { limits } from './limits.ts'
import { parseGroups } from './parse-condition.ts'
import { type Action, actions, type RuleContent, ruleStates, type Scope } from './rule.ts'
import { isTag, tagBound } from './scope.ts'

export type { RuleFault } from './faults.ts'
export { formatPath, parsePath } from './path.ts'

const contentFields = [
  'schema_version',
  'name',
  'description',
  'state',
  'dry_run',
  'action',
  'sample_rate',
  'scope',
  'mask',
  'any',
]
const exportedFields = ['rule_id', 'version', 'created_at', ...contentFields]

export type ParsedRule =
  | { readonly rule: RuleContent; readonly faults?: undefined }
  | { readonly faults: readonly RuleFault[]; readonly rule?: undefined }

/** What an export says of a rule beside its content; the server decides what to do with it. */
export interface Exported {
  readonly rule_id?: string
  readonly version?: number
  readonly created_at?: string
}

export type ParsedExport =
  | ({ readonly rule: RuleContent; readonly faults?: undefined } & Exported)
  | { readonly faults: readonly RuleFault[]; readonly rule?: undefined }

/** A rule as an author writes it, with defaults filled in and literals converted to their type; or every fault of it. */
export function parseRule(value: unknown): ParsedRule {
  const faults = new Faults()
  const input = faults.object('', value, contentFields)
  const rule = input && parseContent(faults, input)
  return rule && faults.all.length === 0 ? { rule } : { faults: faults.all }
}

/** As parseRule, for a rule that was exported: its id, version and time are returned beside its content. */
export function parseExportedRule(value: unknown): ParsedExport {
  const faults = new Faults()
  const input = faults.object('', value, exportedFields)
  const rule = input && parseContent(faults, input)
  const exported = input && parseExported(faults, input)
  return rule && exported && faults.all.length === 0 ? { rule, ...exported } : { faults: faults.all }
}

function parseContent(faults: Faults, input: Record<string, unknown>): RuleContent {
  const { schema_version = 1, description = '', dry_run = false, sample_rate = 1, mask = [] } = input
  if (schema_version !== 1) faults.add('schema_version', '1', schema_version, 'this version knows no other')
  text(faults, 'name', input['name'], 1, limits.nameLength, /\p{Cc}|\p{Cs}/u, 'without control characters')
  const notPlain = /[^\P{Cc}\n\t]|\p{Cs}/u
  text(faults, 'description', description, 0, limits.descriptionLength, notPlain, 'of plain text, newlines and tabs')
  const state = faults.word('state', input['state'], ruleStates, 'draft')
  if (typeof dry_run !== 'boolean') faults.add('dry_run', 'true or false', dry_run)
  const action = input['action'] === 'error' ? 'fail' : faults.word<Action>('action', input['action'], actions)
  if (typeof sample_rate !== 'number' || !(sample_rate >= 0 && sample_rate <= 1)) {
    faults.add('sample_rate', 'a number from 0 to 1', sample_rate)
  }
  const scope = parseScope(faults, input['scope'])
  if (!Array.isArray(mask) || mask.length > 0) faults.add('mask', 'absent', mask, 'this version cannot mask values')
  const rule = {
    schema_version: 1,
    name: input['name'] as string,
    description: description as string,
    state: state!,
    dry_run: dry_run as boolean,
    action: action!,
    // -0 is 0 in every other language's JSON.
    sample_rate: sample_rate === 0 ? 0 : (sample_rate as number),
    scope,
    any: parseGroups(faults, 'any', input['any']),
  } as const
  if (faults.all.length === 0) checkSize(faults, rule)
  return rule
}

function checkSize(faults: Faults, rule: RuleContent): void {
  const bytes = Buffer.byteLength(canonicalJson(rule))
  if (bytes > limits.ruleBytes) faults.add('', `at most ${limits.ruleBytes} bytes of JSON`, bytes, 'use several rules')
}

function text(
  faults: Faults,
  path: string,
  value: unknown,
  min: number,
  max: number,
  refused: RegExp,
  kind: string,
): void {
  if (typeof value === 'string' && value.length >= min && !isLongerThan(value, max) && !refused.test(value)) return
  faults.add(path, `a text of ${min} to ${max} characters, ${kind}`, value)
}

function parseScope(faults: Faults, value: unknown): Scope {
  const scope = faults.object('scope', value, ['tags', 'exclude_tags'])
  if (!scope) return { tags: [], exclude_tags: [] }
  const { tags, exclude_tags = [] } = scope
  return {
    tags: parseTags(faults, 'scope.tags', tags),
    exclude_tags: parseTags(faults, 'scope.exclude_tags', exclude_tags),
  }
}

/** Duplicates are left out: they mean nothing. */
function parseTags(faults: Faults, path: string, value: unknown): readonly string[] {
  const tags = faults.list(path, value, 0, limits.scopeTags, 'tags') ?? []
  for (const [index, tag] of tags.entries()) if (!isTag(tag)) faults.add(`${path}[${index}]`, tagBound, tag)
  return [...new Set(tags as readonly string[])]
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const utc = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/

function parseExported(faults: Faults, { rule_id, version, created_at }: Record<string, unknown>): Exported {
  if (rule_id !== undefined && !(typeof rule_id === 'string' && uuid.test(rule_id))) {
    faults.add('rule_id', 'a UUID in lower case', rule_id, 'remove it to make a new rule')
  }
  if (version !== undefined && !(Number.isSafeInteger(version) && (version as number) >= 1)) {
    faults.add('version', 'a whole number from 1', version)
  }
  const isTime = typeof created_at === 'string' && utc.test(created_at) && !Number.isNaN(Date.parse(created_at))
  if (created_at !== undefined && !isTime) faults.add('created_at', "a time such as '2026-01-31T08:00:00Z'", created_at)
  return {
    ...(rule_id === undefined ? {} : { rule_id: rule_id as string }),
    ...(version === undefined ? {} : { version: version as number }),
    ...(created_at === undefined ? {} : { created_at: created_at as string }),
  }
}
