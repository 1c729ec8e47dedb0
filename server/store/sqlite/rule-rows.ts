import type { Rule, RuleContent } from '../../../core/rules/rule.ts'

/** One version of a rule as it crosses from the worker: its content is JSON. */
export interface RuleRow {
  readonly ruleId: string
  readonly version: number
  /** Of the rule, not of the version. */
  readonly createdMs: number
  readonly body: string
}

export interface RuleVersionRow extends RuleRow {
  readonly author: string
  readonly writtenMs: number
}

export function ruleOf({ ruleId, version, createdMs, body }: RuleRow): Rule {
  const content = JSON.parse(body) as RuleContent
  return { rule_id: ruleId, version, created_at: new Date(createdMs).toISOString(), ...content }
}
