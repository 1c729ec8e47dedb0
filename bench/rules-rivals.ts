import { parse } from '@marcbachmann/cel-js'
import { Engine } from 'json-rules-engine'
import { orderOf } from '../core/rules/cost.ts'
import type { Condition, SentRule } from '../core/rules/rule.ts'

/** The same rules in other forms. Each counts the rules that match. */
export type Check = (record: unknown) => number

const rulesInFunction = 25

/**
 * What a careful programmer would write by hand for records like these: one `if` a rule, conditions in the same order,
 * a type asked for wherever JavaScript would compare or search something else than a rule does (`null <= 5` is true),
 * lists made once, each field read once a condition. No conversions and no policies: no record here needs them.
 * In functions of 25 rules: V8 does not optimise larger ones.
 */
export function handWritten(rules: readonly SentRule[]): Check {
  const functions: Check[] = []
  for (let at = 0; at < rules.length; at += rulesInFunction) {
    const lists: string[] = []
    const write = (condition: Condition) => javaScriptOf(condition, lists)
    const lines = rules.slice(at, at + rulesInFunction).map(rule => `    if (${expressionOf(rule, write)}) count++`)
    const body = `  return r => {\n    let count = 0, v\n${lines.join('\n')}\n    return count\n  }`
    const constants = lists.map((list, index) => `  const list${index} = ${list}\n`).join('')
    functions.push(new Function(constants + body)() as Check)
  }
  if (functions.length === 1) return functions[0]!
  return record => {
    let count = 0
    for (const check of functions) count += check(record)
    return count
  }
}

function expressionOf(rule: SentRule, write: (condition: Condition) => string): string {
  const groups = rule.any.map(group => orderOf(group).map(index => write(group.all[index]!)))
  return groups.map(group => group.join(' && ')).join(' || ')
}

const signs: Record<string, string> = { eq: '===', neq: '!==', lt: '<', lte: '<=', gt: '>', gte: '>=' }

function javaScriptOf({ field, op, value }: Condition, lists: string[]): string {
  const path = `r.${field.join('?.')}`
  const literal = JSON.stringify(value)
  const methods: Record<string, string> = { prefix: 'startsWith', suffix: 'endsWith', contains: 'includes' }
  if (op === 'in') return `list${lists.push(literal) - 1}.includes(${path})`
  // Nothing of another type is strictly equal.
  if (op === 'eq') return `${path} === ${literal}`
  const test = op in methods ? `v.${methods[op]}(${literal})` : `v ${signs[op]} ${literal}`
  return `typeof (v = ${path}) === '${typeof value}' && ${test}`
}

/** Parsed once; a rule each, as there is no set of rules. */
export function celExpressions(rules: readonly SentRule[]): Check {
  const parsed = rules.map(rule => parse(expressionOf(rule, celOf)))
  return r => {
    let count = 0
    for (const expression of parsed) if (expression({ r }) === true) count++
    return count
  }
}

function celOf({ field, op, value }: Condition): string {
  const path = `r.${field.join('.')}`
  // Numbers of JSON are doubles, which a literal without a point is not.
  const celSigns: Record<string, string> = { ...signs, eq: '==', neq: '!=' }
  const literal = typeof value === 'number' && Number.isInteger(value) ? `${value}.0` : JSON.stringify(value)
  const methods: Record<string, string> = { prefix: 'startsWith', suffix: 'endsWith', contains: 'contains' }
  if (op === 'in') return `${path} in ${literal}`
  return op in methods ? `${path}.${methods[op]}(${literal})` : `${path} ${celSigns[op]} ${literal}`
}

/** One engine with all rules. Its rules are tried in parallel, each by promises. */
export function jsonRules(rules: readonly SentRule[]): (record: object) => Promise<number> {
  const engine = new Engine([], { allowUndefinedFacts: true })
  engine.addOperator<string, string>('prefix', (text, literal) => text.startsWith(literal))
  engine.addOperator<string, string>('suffix', (text, literal) => text.endsWith(literal))
  engine.addOperator<string, string>('contained', (text, literal) => text.includes(literal))
  for (const { rule_id: type, any } of rules) {
    engine.addRule({
      event: { type },
      conditions: { any: any.map(group => ({ all: group.all.map(jsonConditionOf) })) },
    })
  }
  return async record => (await engine.run(record)).events.length
}

const jsonOperators: Record<string, string> = {
  ...{ eq: 'equal', neq: 'notEqual', lt: 'lessThan', lte: 'lessThanInclusive', gt: 'greaterThan' },
  ...{ gte: 'greaterThanInclusive', contains: 'contained' },
}

function jsonConditionOf({ field: [fact, ...more], op, value }: Condition) {
  const path = more.length === 0 ? {} : { path: `$.${more.join('.')}` }
  return { fact: fact as string, operator: jsonOperators[op] ?? op, value, ...path }
}
