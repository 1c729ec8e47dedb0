import type { FieldType } from '../../core/rules/rule.ts'
import type { Column } from './truth-table-row.ts'

/** The first value that each column is shown with beside another field. */
export const referenceValues: Readonly<Record<Exclude<Column, 'nullish'>, unknown>> = {
  bool: true,
  number: 7,
  'num-like': '7.0',
  other: 'abc',
  empty: '',
  compound: [7],
}

/**
 * For each type, the pairs of columns that can be compared; every other pair without a nullish side fails to convert.
 * N compares as numbers (7 and "7.0" are equal), S as texts and B as booleans (then only a column equals itself).
 */
export const comparablePairs: Readonly<Record<FieldType, (left: Column, right: Column) => 'N' | 'S' | 'B' | 'K'>> = {
  numeric: (left, right) => (isNumeric(left) && isNumeric(right) ? 'N' : 'K'),
  text: (left, right) => (left !== 'compound' && right !== 'compound' ? 'S' : 'K'),
  boolean: (left, right) => (left === 'bool' && right === 'bool' ? 'B' : 'K'),
  any: (left, right) => anyPairs[left]?.[right] ?? 'K',
}

const isNumeric = (column: Column) => column === 'number' || column === 'num-like'

const strings = { 'num-like': 'S', other: 'S', empty: 'S' } as const
const anyPairs: Partial<Record<Column, Partial<Record<Column, 'N' | 'S' | 'B'>>>> = {
  bool: { bool: 'B' },
  number: { number: 'N', 'num-like': 'N' },
  'num-like': { number: 'N', ...strings },
  other: strings,
  empty: strings,
}
