import { compileRules } from './compile.ts'
import { evaluate, type Match } from './evaluate.ts'
import { parseRule } from './parse.ts'
import type { Rule, SentRule } from './rule.ts'
import type { UseOfCode } from './screen.ts'
import { sentRule } from './sent.ts'

/** A rule that observes `t > 100`, unless told otherwise. */
export function aRule(content: object = {}, stored: Partial<Rule> = {}): Rule {
  const any = [{ all: [{ field: ['t'], op: 'gt', field_type: 'numeric', value: 100 }] }]
  const { rule, faults } = parseRule({
    name: 'r',
    state: 'active',
    action: 'observe',
    scope: { tags: [] },
    any,
    ...content,
  })
  if (!rule) throw new Error(faults.map(({ message }) => message).join('; '))
  return { ...rule, rule_id: 'r', version: 1, created_at: '2026-01-31T08:00:00Z', ...stored }
}

/** `any` of one group. */
export const all = (...conditions: readonly object[]) => [{ all: conditions }]

export const sent = (content: object = {}, stored: Partial<Rule> = {}): SentRule => sentRule(aRule(content, stored))

/** What a check of a record comes to. */
export function checked(rules: readonly SentRule[], record: unknown, random = () => 0.5, code?: UseOfCode) {
  const { set, faults } = compileRules(rules, code)
  if (faults.length > 0) throw new Error(faults.map(({ message }) => message).join('; '))
  const matches: Match[] = []
  const errors: string[] = []
  const action = evaluate(
    set,
    record,
    random,
    match => matches.push(match),
    (rule, reason) => errors.push(`${rule.rule_id}: ${(reason as Error).message}`),
  )
  return { action, matches, errors, set }
}
