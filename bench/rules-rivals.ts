import { orderOf } from '../core/rules/cost.ts'
import type { Condition, SentRule } from '../core/rules/rule.ts'

/** The same rules in other forms. Each counts the rules that match. */
export type Check = (record: unknown) => number

const rulesInFunction = 25

/**
 * What a programmer would write by hand: one `if` a rule, conditions in the same order, no conversions and no policies.
 * In functions of 25 rules: V8 does not optimise larger ones.
 */
export function handWritten(rules: readonly SentRule[]): Check {
  const functions: Check[] = []
  for (let at = 0; at < rules.length; at += rulesInFunction) {
    const lines = rules.slice(at, at + rulesInFunction).map(rule => `  if (${expressionOf(rule)}) count++`)
    functions.push(new Function('r', `let count = 0\n${lines.join('\n')}\n  return count`) as Check)
  }
  if (functions.length === 1) return functions[0]!
  return record => {
    let count = 0
    for (const check of functions) count += check(record)
    return count
  }
}

function expressionOf(rule: SentRule): string {
  const groups = rule.any.map(group => orderOf(group).map(index => javaScriptOf(group.all[index]!)))
  return groups.map(group => group.join(' && ')).join(' || ')
}

function javaScriptOf({ field, op, value }: Condition): string {
  const path = `r.${field.join('?.')}`
  const literal = JSON.stringify(value)
  const methods: Record<string, string> = { prefix: 'startsWith', suffix: 'endsWith', contains: 'includes' }
  const signs: Record<string, string> = { eq: '===', neq: '!==', lt: '<', lte: '<=', gt: '>', gte: '>=' }
  if (op === 'in') return `${literal}.includes(${path})`
  return op in methods ? `${path}?.${methods[op]}(${literal})` : `${path} ${signs[op]} ${literal}`
}
