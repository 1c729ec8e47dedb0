import type { FieldType, Operator } from '../../core/rules/rule.ts'

export const columns = ['nullish', 'bool', 'number', 'num-like', 'other', 'empty', 'compound'] as const
export type Column = (typeof columns)[number]

/**
 * T and F are fixed, M and K ask the policies; a list compares: each of its samples is [literal, value in the record, what
 * `eq` (or the row's operator) says].
 */
export type Cell = 'T' | 'F' | 'M' | 'K' | readonly Sample[]
export type Sample = readonly [literal: unknown, value: unknown, holds: boolean]

export interface Row {
  readonly name: string
  readonly ops: readonly Operator[]
  readonly type: FieldType
  /** For the cells that never look at it. */
  readonly literal?: unknown
  readonly cells: Readonly<Record<Column, Cell>>
}
