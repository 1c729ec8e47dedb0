import { Document, isScalar, Scalar, visit, YAMLSeq } from 'yaml'
import { formatPath } from '../../../core/rules/path.ts'
import type { Condition, Rule, RuleContent } from '../../../core/rules/rule.ts'

export type RuleFormat = 'yaml' | 'json'

/** A list of rules as a file that `rules apply` takes; the same text for the same rules. */
export function rulesText(rules: readonly (Rule | RuleContent)[], format: RuleFormat): string {
  if (format === 'json')
    return `${escaped(JSON.stringify(rules.map(orderedRule), null, 2), /[\u007F-\u009F]|\p{Cf}|\p{Zl}|\p{Zp}/gu)}\n`
  return yamlText(rules.map(rule => withWrittenPaths(orderedRule(rule))))
}

/** One rule as YAML, for people to compare: without what no author writes. */
export function contentText({
  schema_version,
  name,
  description,
  state,
  dry_run,
  action,
  sample_rate,
  scope,
  any,
}: RuleContent): string {
  const content = { schema_version, name, description, state, dry_run, action, sample_rate, scope, any }
  return yamlText(withWrittenPaths(content))
}

/** Who it is, what it does, when, and where it stands. */
function orderedRule(rule: Rule | RuleContent) {
  const { schema_version, name, description, state, dry_run, action, sample_rate, scope, any } = rule
  const content = { schema_version, name, description, state, dry_run, action, sample_rate, scope, any }
  return 'rule_id' in rule
    ? { rule_id: rule.rule_id, version: rule.version, created_at: rule.created_at, ...content }
    : content
}

/** In YAML a path stands as people write it, and a policy only where it is not the usual one. */
function withWrittenPaths<T extends RuleContent>(rule: T) {
  return { ...rule, any: rule.any.map(({ all }) => ({ all: all.map(writtenCondition) })) }
}

function writtenCondition({ field, op, field_type, value, field_ref, on_missing_field, on_coercion_fail }: Condition) {
  return {
    field: formatPath(field),
    op,
    ...(op !== 'exists' && op !== 'is_null' && { field_type }),
    ...(value !== undefined && { value }),
    ...(field_ref && { field_ref: formatPath(field_ref) }),
    ...(on_missing_field !== 'skip' && { on_missing_field }),
    ...(on_coercion_fail !== 'skip' && { on_coercion_fail }),
  }
}

const unseen = /\p{Cf}|\p{Zl}|\p{Zp}/gu

function yamlText(value: unknown): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  visit(document, {
    // What is unseen, or turns text around, can only be written with an escape between quotes.
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && node.value.search(unseen) >= 0) node.type = Scalar.QUOTE_DOUBLE
    },
    Seq: (_, node) => {
      if (node instanceof YAMLSeq && node.items.every(item => isScalar(item))) node.flow = true
    },
  })
  return escaped(document.toString({ lineWidth: 0 }), unseen)
}

/** `\u202e`, or in YAML beyond the first plane `\U000e0001`; JSON has two escapes for that. */
function escaped(text: string, pattern: RegExp): string {
  return text.replace(pattern, found =>
    found.length === 1
      ? `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`
      : pattern === unseen
        ? `\\U${found.codePointAt(0)!.toString(16).padStart(8, '0')}`
        : [0, 1].map(at => `\\u${found.charCodeAt(at).toString(16)}`).join(''),
  )
}
