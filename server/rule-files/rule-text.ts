import { Document, isScalar, Scalar, visit, YAMLSeq } from 'yaml'
import { formatPath } from '../../core/rules/path.ts'
import type { Condition, Rule, RuleContent } from '../../core/rules/rule.ts'

export type RuleFormat = 'yaml' | 'json'

/** A list of rules as a file that `rules apply` takes; the same text for the same rules. */
export function rulesText(rules: readonly (Rule | RuleContent)[], format: RuleFormat): string {
  if (format === 'yaml') return yamlText(rules.map(rule => withWrittenPaths(orderedRule(rule))))
  return `${escaped(JSON.stringify(rules.map(orderedRule), null, 2), 'json')}\n`
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

/** What a terminal would act on instead of showing it, and what is not seen at all. */
const unseen = /[^\P{Cc}\n]|\p{Cf}|\p{Zl}|\p{Zp}/gu

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
  return escaped(document.toString({ lineWidth: 0 }), 'yaml')
}

/** `\u202e`; beyond the first plane YAML has `\U000e0001`, and JSON two escapes. */
function escaped(text: string, format: RuleFormat): string {
  const written = (code: number, letter: string, digits: number) =>
    `\\${letter}${code.toString(16).padStart(digits, '0')}`
  return text.replace(unseen, found => {
    const [code, second] = [found.charCodeAt(0), found.charCodeAt(1)]
    if (found.length === 1) return written(code, 'u', 4)
    return format === 'yaml' ? written(found.codePointAt(0)!, 'U', 8) : written(code, 'u', 4) + written(second, 'u', 4)
  })
}
