import fc from 'fast-check'
import type { Condition, FieldPath, SentRule } from '../../core/rules/rule.ts'
import { leaves, looseRecords } from './arbitrary-records.ts'

/**
 * Records in which the fields of given rules are there, mostly with values that equal the rule's literal, print or parse
 * as it, or just miss it: of random records nine in ten only show that a field is missing.
 */
export function recordsFor(rules: readonly SentRule[]): fc.Arbitrary<unknown> {
  const conditions = rules.flatMap(rule => rule.any.flatMap(group => group.all))
  const plants = fc.array(
    fc.record({ condition: fc.constantFrom(...conditions), form: fc.nat(9), leaf: leaves, width: fc.nat(2) }),
    { maxLength: 6 },
  )
  const start = fc.oneof(fc.constant<unknown>({}), looseRecords)
  return fc.tuple(start, plants).map(([record, chosen]) =>
    chosen.reduce((grown, { condition, form, leaf, width }) => {
      const value = valueNear(condition, form, leaf)
      const first = planted(grown, condition.field, value, width)
      if (condition.field_ref === undefined) return first
      return planted(first, condition.field_ref, form > 5 ? leaf : near(value, form), 0)
    }, record),
  )
}

/** The literal, one of its items, another writing of it, or any leaf. */
function valueNear({ value: literal }: Condition, form: number, leaf: unknown): unknown {
  if (literal === undefined || form > 6) return leaf
  if (typeof literal !== 'object') return near(literal, form)
  return near(literal[form % literal.length], form)
}

function near(value: unknown, form: number): unknown {
  if (form < 2 || typeof value === 'object') return value
  if (form === 2) return typeof value === 'string' ? `${value}x` : String(value)
  if (form === 3) return typeof value === 'string' ? `x${value}` : typeof value === 'number' ? value + 1 : value
  if (form === 4) return typeof value === 'string' && value.trim() !== '' ? Number(value) : ` ${String(value)}\n`
  return typeof value === 'number' ? value / 2 : value
}

/** The value at the end of a path, with objects and lists made on the way where others stand. */
function planted(record: unknown, path: FieldPath, value: unknown, width: number): unknown {
  const [segment, ...rest] = path
  if (segment === undefined) return value
  if (segment === '*' || typeof segment === 'number') {
    const list: unknown[] = Array.isArray(record) ? [...record] : []
    const index = segment === '*' ? width : segment
    while (list.length < index) list.push(null)
    list[index] = planted(list[index], rest, value, width)
    return list
  }
  const key = typeof segment === 'string' ? segment : segment.key
  const isObject = typeof record === 'object' && record !== null && Object.getPrototypeOf(record) === Object.prototype
  const fields = isObject ? Object.entries(record) : []
  const there = fields.find(([name]) => name === key)?.[1]
  return Object.fromEntries([...fields.filter(([name]) => name !== key), [key, planted(there, rest, value, width)]])
}
