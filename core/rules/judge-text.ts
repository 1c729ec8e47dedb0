import { isHigh, isLow } from './code-points.ts'
import type { Judge } from './judge.ts'
import { isNullish, textOf } from './judge.ts'
import type { Operator } from './rule.ts'
import { differs, holds, missing, unconvertible } from './values.ts'

/** The judge of a text condition: strings as they are, numbers and booleans by their text. */
export function judgeText(op: Operator, literal: string): Judge {
  if (op === 'eq' || op === 'neq') return judgeEqual(literal, op === 'eq')
  const test = testOf(op, literal)
  return value => {
    const text = textOf(value)
    if (text === undefined) return isNullish(value) ? missing : unconvertible
    return test(text) ? holds : differs
  }
}

function judgeEqual(literal: string, equal: boolean): Judge {
  // The one double that prints this text, if any: to compare with it is to compare the texts, and makes no text.
  const double = String(Number(literal)) === literal ? Number(literal) : Number.NaN
  const onEqual = equal ? holds : differs
  const onOther = equal ? differs : holds
  return value => {
    if (typeof value === 'string') return value === literal ? onEqual : onOther
    if (typeof value === 'number') return Number.isNaN(value) ? missing : value === double ? onEqual : onOther
    const text = textOf(value)
    if (text === undefined) return isNullish(value) ? missing : unconvertible
    return text === literal ? onEqual : onOther
  }
}

function testOf(op: Operator, literal: string): (text: string) => boolean {
  // Half of a surrogate pair at an edge of the literal must not match half of a pair in the text.
  const split = isLow(literal.charCodeAt(0)) || isHigh(literal.charCodeAt(literal.length - 1))
  const whole = (text: string, at: number) => !split || isWhole(text, at, literal.length)
  switch (op) {
    case 'prefix':
      return text => text.startsWith(literal) && whole(text, 0)
    case 'suffix':
      return text => text.endsWith(literal) && whole(text, text.length - literal.length)
    case 'contains':
      return text => {
        let at = text.indexOf(literal)
        while (at >= 0 && !whole(text, at)) at = text.indexOf(literal, at + 1)
        return at >= 0
      }
    default:
      throw new TypeError(`'${op}' does not search in text`)
  }
}

/** True when no code point of the text is cut by the edges of what stands there. */
function isWhole(text: string, at: number, length: number): boolean {
  return !cutsPair(text, at) && !cutsPair(text, at + length)
}

const cutsPair = (text: string, at: number) => isHigh(text.charCodeAt(at - 1)) && isLow(text.charCodeAt(at))
