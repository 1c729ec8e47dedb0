import { judgeText } from './judge-text.ts'
import { type Numeric, normal, numberOfText } from './numbers.ts'
import type { Condition, FieldType, Literal, Operator } from './rule.ts'
import { differs, type Finding, holds, missing, unconvertible } from './values.ts'

/** What a condition finds of one value. */
export type Judge = (value: unknown) => Finding

const finding = (truth: boolean): Finding => (truth ? holds : differs)

/** The judge of a condition that compares with a literal, which is already of the condition's type. */
export function judgeOf({ op, field_type, value: literal }: Condition): Judge {
  if (op === 'exists') return value => finding(!isNullish(value))
  if (op === 'is_null') return value => finding(isNullish(value))
  if (op === 'in') return judgeIn(field_type, literal as readonly string[] | readonly number[])
  switch (field_type) {
    case 'numeric':
      return judgeNumber(op, numericLiteral(literal!))
    case 'text':
      return judgeText(op, literal as string)
    case 'boolean':
      return judgeBoolean(op, literal as boolean)
    case 'any':
      return judgeAny(op, literal as string | number | boolean)
  }
}

export const isNullish = (value: unknown): boolean => {
  const type = typeof value
  if (type === 'object') return value === null
  if (type === 'number') return Number.isNaN(value)
  return type === 'undefined' || type === 'function' || type === 'symbol'
}

/** What is found of a value that is not of the type asked for. */
const otherwise = (value: unknown): Finding => (isNullish(value) ? missing : unconvertible)

/** A number, or the number that a text says. */
export function numberOf(value: unknown): Numeric | undefined {
  if (typeof value === 'number') return Number.isNaN(value) ? undefined : value
  if (typeof value === 'bigint') return value
  return typeof value === 'string' ? numberOfText(value) : undefined
}

/** Integers that no double holds stand as digits in a rule. */
export function numericLiteral(literal: Literal): Numeric {
  return typeof literal === 'string' ? normal(numberOfText(literal)!) : (literal as number)
}

function judgeNumber(op: Operator, literal: Numeric): Judge {
  const compare = comparer(op)
  return value => {
    const number = numberOf(value)
    return number === undefined ? otherwise(value) : compare(number, literal)
  }
}

type Compare = (left: Numeric, right: Numeric) => Finding

/** A bigint and a double compare exactly in JavaScript, except by `===`, which asks for one type. */
const isEqual = (left: Numeric, right: Numeric) =>
  typeof left === typeof right ? left === right : left >= right && left <= right

export function comparer(op: Operator): Compare {
  switch (op) {
    case 'eq':
      return (left, right) => finding(isEqual(left, right))
    case 'neq':
      return (left, right) => finding(!isEqual(left, right))
    case 'lt':
      return (left, right) => finding(left < right)
    case 'lte':
      return (left, right) => finding(left <= right)
    case 'gt':
      return (left, right) => finding(left > right)
    case 'gte':
      return (left, right) => finding(left >= right)
    default:
      throw new TypeError(`'${op}' does not compare numbers`)
  }
}

function judgeBoolean(op: Operator, literal: boolean): Judge {
  const wanted = op === 'eq' ? literal : !literal
  return value => (typeof value === 'boolean' ? finding(value === wanted) : otherwise(value))
}

function judgeAny(op: Operator, literal: string | number | boolean): Judge {
  if (typeof literal === 'boolean') return judgeBoolean(op, literal)
  if (typeof literal === 'number') return judgeNumber(op, literal)
  const compare = comparer(op)
  const number = numberOfText(literal)
  const equal = op === 'eq'
  return value => {
    if (typeof value === 'string') return finding((value === literal) === equal)
    const left = typeof value === 'boolean' || number === undefined ? undefined : numberOf(value)
    return left === undefined ? otherwise(value) : compare(left, number!)
  }
}

function judgeIn(type: FieldType, items: readonly (string | number)[]): Judge {
  const texts = new Set(items.filter(item => typeof item === 'string'))
  const numbers = new Set<Numeric>()
  for (const item of type === 'text' ? [] : items) {
    const number = numberOf(item)
    if (number !== undefined) numbers.add(normal(number))
  }
  const isAmongNumbers = (number: Numeric) => finding(numbers.has(normal(number)))
  if (type === 'text') {
    return value => {
      if (typeof value === 'string') return finding(texts.has(value))
      const text = textOf(value)
      return text === undefined ? otherwise(value) : finding(texts.has(text))
    }
  }
  const comparesText = type === 'any' && texts.size > 0
  return value => {
    if (typeof value === 'string' && comparesText) return finding(texts.has(value))
    const number = numbers.size === 0 ? undefined : numberOf(value)
    return number === undefined ? otherwise(value) : isAmongNumbers(number)
  }
}

/** A boolean or a number as text; numbers as ECMAScript prints them, bigints with all digits. */
export function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
      return Number.isNaN(value) ? undefined : String(value)
    case 'boolean':
    case 'bigint':
      return String(value)
    default:
      return undefined
  }
}

/** What is found of a value and the value of a second path. */
export type JudgePair = (value: unknown, other: unknown) => Finding

export function judgePairOf({ op, field_type }: Condition): JudgePair {
  const equal = op === 'eq'
  const compareSame = pairComparer(op, field_type, equal)
  return (value, other) => (isNullish(value) || isNullish(other) ? missing : compareSame(value, other))
}

function pairComparer(op: Operator, type: FieldType, equal: boolean): JudgePair {
  const compare = comparer(op)
  const asNumbers: JudgePair = (value, other) => {
    const left = numberOf(value)
    const right = left === undefined ? undefined : numberOf(other)
    return right === undefined ? unconvertible : compare(left!, right)
  }
  const asTexts: JudgePair = (value, other) => {
    const left = textOf(value)
    const right = textOf(other)
    return left === undefined || right === undefined ? unconvertible : finding((left === right) === equal)
  }
  const asBooleans: JudgePair = (value, other) =>
    typeof value === 'boolean' && typeof other === 'boolean' ? finding((value === other) === equal) : unconvertible
  if (type === 'numeric') return asNumbers
  if (type === 'text') return asTexts
  if (type === 'boolean') return asBooleans
  return (value, other) => {
    if (typeof value === 'string' && typeof other === 'string') return asTexts(value, other)
    return typeof value === 'boolean' || typeof other === 'boolean' ? asBooleans(value, other) : asNumbers(value, other)
  }
}
