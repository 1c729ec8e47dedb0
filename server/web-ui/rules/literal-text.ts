import type { Condition, FieldType, Literal, Operator } from '../../../core/rules/rule.ts'

/** What a reader would not see in a field, and what only quotes keep: blanks at the ends. */
const needsQuotes = /^$|^["\s]|\s$|[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/

/** The value of a condition as its field in a form shows it: the items of an `in` one a line; empty when there is none. */
export function literalText({ value, field_type }: Pick<Condition, 'value' | 'field_type'>): string {
  if (value === undefined) return ''
  const items: readonly (string | number | boolean)[] = Array.isArray(value) ? value : [value as string]
  return items.map(item => itemText(item, field_type)).join('\n')
}

function itemText(item: string | number | boolean, type: FieldType): string {
  if (typeof item !== 'string') return String(item)
  // Beside `any` a text that looks like something else is told apart by its quotes.
  const isOther = type === 'any' && typeof readItem(item, 'any') !== 'string'
  return isOther || needsQuotes.test(item) ? quoted(item) : item
}

const quoted = (text: string) =>
  JSON.stringify(text).replace(unseen, found =>
    [...Array(found.length).keys()].map(at => `\\u${found.charCodeAt(at).toString(16).padStart(4, '0')}`).join(''),
  )

/**
 * What was typed, as `parseRule` takes it; undefined when nothing was. Blanks at the ends count between quotes only, so
 * that one that nobody sees never decides.
 */
export function readLiteral(text: string, op: Operator | string, type: FieldType | string): Literal | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return undefined
  if (op !== 'in') return readItem(trimmed, type)
  const lines = trimmed.split(/\r\n|\r|\n/).map(line => line.trim())
  return lines.filter(line => line !== '').map(line => readItem(line, type)) as unknown as Literal
}

function readItem(text: string, type: FieldType | string): string | number | boolean {
  if (type === 'boolean' || type === 'any') {
    if (text === 'true') return true
    if (text === 'false') return false
  }
  if (type === 'any' && jsonNumber.test(text)) return Number(text)
  return text.startsWith('"') && type !== 'boolean' ? unquoted(text) : text.replaceAll('\r\n', '\n')
}

/** A text that only begins with a quote is what it is. */
function unquoted(text: string): string {
  try {
    const read: unknown = JSON.parse(text)
    return typeof read === 'string' ? read : text
  } catch {
    return text
  }
}
