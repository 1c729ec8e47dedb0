import { isLongerThan } from './code-points.ts'
import type { Faults } from './faults.ts'
import { textOf } from './judge.ts'
import { limits } from './limits.ts'
import { isInexactInteger, type Numeric, normal, numberOfText } from './numbers.ts'
import type { FieldType, Literal, Operator } from './rule.ts'

type Kind = 'numeric' | 'text' | 'boolean'
type Scalar = string | number | boolean

/** The literal of a condition, converted to its type as a record's value would be; undefined, with faults, if it cannot be. */
export function parseLiteral(
  faults: Faults,
  path: string,
  op: Operator,
  type: FieldType,
  value: unknown,
): Literal | undefined {
  if (op === 'in') return parseItems(faults, path, type, value)
  const literal = parseScalar(faults, path, op, type, value)
  if (op !== 'prefix' && op !== 'suffix' && op !== 'contains') return literal
  if (typeof literal === 'string' && (literal === '' || isLongerThan(literal, limits.searchLength))) {
    return faults.add(path, `1 to ${limits.searchLength} characters long`, value)
  }
  return literal
}

function parseItems(faults: Faults, path: string, type: FieldType, value: unknown): Literal | undefined {
  const items = faults.list(path, value, 1, limits.inItems, 'texts, or of as many numbers')
  if (!items) return undefined
  const kind = kindOf(items[0])
  const parsed: (string | number)[] = []
  for (const [index, item] of items.entries()) {
    const place = `${path}[${index}]`
    const ofOneKind = kindOf(item) === kind && typeof item !== 'boolean'
    if (!ofOneKind) faults.add(place, index === 0 ? 'a text or a number' : `a ${kind}, as the first item is`, item)
    else {
      const literal = parseScalar(faults, place, 'in', type, item)
      if (literal !== undefined) parsed.push(literal as string | number)
    }
  }
  if (parsed.length < items.length) return undefined
  if (Buffer.byteLength(JSON.stringify(parsed)) > limits.inBytes) {
    return faults.add(path, `at most ${limits.inBytes} bytes of JSON in all`, value, 'use several groups or rules')
  }
  return parsed as Literal
}

const kindOf = (value: unknown) => (typeof value === 'string' ? 'text' : 'number')

function parseScalar(faults: Faults, path: string, op: Operator, type: FieldType, value: unknown): Scalar | undefined {
  if (value === null || value === undefined) {
    return faults.add(path, 'a text, a number or a boolean', value, value === null ? "use 'is_null'" : undefined)
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return faults.add(path, 'a finite number', value)
  const exact = isNumber(value) ? numberLiteral(faults, path, op, value) : value
  if (exact === undefined) return undefined
  const converted = typeof exact === 'string' || typeof exact === 'number' || typeof exact === 'boolean' ? exact : null
  if (converted === null) return faults.add(path, 'a text, a number or a boolean', value)
  return type === 'any' ? converted : convert(faults, path, op, type, converted, value)
}

const isNumber = (value: unknown): value is Numeric => typeof value === 'number' || typeof value === 'bigint'

const orders: readonly Operator[] = ['lt', 'lte', 'gt', 'gte']

/** As JSON can keep it: a double, or for the ordering operators the digits of an integer that no double holds. */
function numberLiteral(faults: Faults, path: string, op: Operator, value: Numeric): number | string | undefined {
  if (isInexactInteger(value) && !orders.includes(op)) {
    const bound = `from -${limits.exactInteger} to ${limits.exactInteger} when it is a whole number`
    return faults.add(path, bound, value, 'compare as text: field_type text, and the digits in quotes')
  }
  const number = normal(value)
  return typeof number === 'bigint' ? String(number) : number === 0 ? 0 : number
}

function convert(
  faults: Faults,
  path: string,
  op: Operator,
  type: Kind,
  literal: Scalar,
  value: unknown,
): Scalar | undefined {
  if (type === 'text') return textOf(literal)
  if (type === 'boolean') return typeof literal === 'boolean' ? literal : faults.add(path, 'true or false', value)
  if (typeof literal === 'number') return literal
  const number = typeof literal === 'string' ? numberOfText(literal) : undefined
  if (number === undefined) return faults.add(path, 'a finite number', value)
  return numberLiteral(faults, path, op, number)
}
