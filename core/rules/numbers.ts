import { limits } from './limits.ts'

/** A double, or an integer of any size. The two compare exactly and mathematically in JavaScript. */
export type Numeric = number | bigint

const zero = 48
const nine = 57
const isSpace = (unit: number) => unit === 32 || unit === 9 || unit === 13 || unit === 10

/**
 * The number that a text says, or undefined: blanks around `[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?`, at
 * most 256 characters. Digits alone (with or without a sign) are an exact integer, everything else the nearest double;
 * a text beyond the doubles is no number. Allocates nothing but large integers.
 */
export function numberOfText(text: string): Numeric | undefined {
  let start = 0
  let end = text.length
  while (start < end && isSpace(text.charCodeAt(start))) start++
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  if (start === end || end - start > limits.numberLength) return undefined

  let at = start
  const sign = text.charCodeAt(at)
  if (sign === 43 || sign === 45) at++
  const digitsAt = at
  // Exact up to 15 digits, which is nearly every number that anybody writes.
  let value = 0
  while (at < end && isDigit(text.charCodeAt(at))) value = value * 10 + (text.charCodeAt(at++) - zero)
  const digits = at - digitsAt
  if (at === end) {
    if (digits === 0) return undefined
    if (digits <= 15) return sign === 45 ? -value : value
    return smallest(BigInt(text.slice(digitsAt, end)), sign === 45)
  }

  let fractionDigits = 0
  if (text.charCodeAt(at) === 46) {
    at++
    while (at < end && isDigit(text.charCodeAt(at))) {
      at++
      fractionDigits++
    }
  }
  if (digits + fractionDigits === 0) return undefined
  if (at < end) {
    const exponent = text.charCodeAt(at)
    if (exponent !== 101 && exponent !== 69) return undefined
    at++
    const exponentSign = text.charCodeAt(at)
    if (exponentSign === 43 || exponentSign === 45) at++
    if (at === end) return undefined
    while (at < end) if (!isDigit(text.charCodeAt(at++))) return undefined
  }
  // Number() ignores the same blanks; what else it would take has been refused above.
  const double = Number(text)
  return Number.isFinite(double) ? double : undefined
}

const isDigit = (unit: number) => unit >= zero && unit <= nine

function smallest(magnitude: bigint, negative: boolean): Numeric {
  const integer = negative ? -magnitude : magnitude
  return magnitude <= BigInt(limits.exactInteger) ? Number(integer) : integer
}

/** The same number for the same value, whichever type holds it, so that a Set can find it. */
export function normal(value: Numeric): Numeric {
  if (typeof value === 'number') return value
  const double = Number(value)
  return Number.isFinite(double) && BigInt(double) === value ? double : value
}

/** Whole, and too large for every program that reads JSON to hold it exactly. */
export function isInexactInteger(value: Numeric): boolean {
  if (typeof value === 'bigint') return value > limits.exactInteger || value < -limits.exactInteger
  return Number.isInteger(value) && Math.abs(value) > limits.exactInteger
}
