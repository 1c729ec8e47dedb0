/**
 * The truth table of the specification's part 2.6 as data, and the values that show each of its cells. The expected
 * results of sdk/vectors/truth-table.json come from here and from no evaluator.
 */
import type { FieldType, Operator } from '../../core/rules/rule.ts'

export const columns = ['nullish', 'bool', 'number', 'num-like', 'other', 'empty', 'compound'] as const
export type Column = (typeof columns)[number]

/**
 * T and F are fixed, M and K ask the policies; C compares: each of its samples is [literal, value in the record, what
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

/** A row of `eq` also serves `neq`, which is true where `eq` is false after a conversion. */
const equality: readonly Row[] = [
  {
    name: 'numeric',
    ops: ['eq', 'neq'],
    type: 'numeric',
    literal: 7,
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        [7, 7, true],
        [7, 7.5, false],
      ],
      'num-like': [
        [7, '7.0', true],
        [7, '70', false],
      ],
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
  {
    name: 'text',
    ops: ['eq', 'neq'],
    type: 'text',
    literal: '7',
    cells: {
      nullish: 'M',
      bool: [
        ['true', true, true],
        ['false', true, false],
      ],
      number: [
        ['7', 7, true],
        ['7.0', 7, false],
      ],
      'num-like': [
        ['7.0', '7.0', true],
        ['7', '7.0', false],
      ],
      other: [
        ['abc', 'abc', true],
        ['abc', 'ABC', false],
      ],
      empty: [
        ['', '', true],
        [' ', '', false],
      ],
      compound: 'K',
    },
  },
  {
    name: 'boolean',
    ops: ['eq', 'neq'],
    type: 'boolean',
    literal: true,
    cells: {
      nullish: 'M',
      bool: [
        [true, true, true],
        [false, true, false],
      ],
      number: 'K',
      'num-like': 'K',
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
  {
    name: 'any-number',
    ops: ['eq', 'neq'],
    type: 'any',
    literal: 25,
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        [25, 25, true],
        [25, -25, false],
      ],
      'num-like': [
        [25, '2.5e1', true],
        [25, '2.5', false],
      ],
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
  {
    name: 'any-num-like',
    ops: ['eq', 'neq'],
    type: 'any',
    literal: '25.0',
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        ['25.0', 25, true],
        ['25.0', 26, false],
      ],
      'num-like': [
        ['25.0', '25.0', true],
        ['25.0', '25', false],
      ],
      other: [['25.0', 'abc', false]],
      empty: [['25.0', '', false]],
      compound: 'K',
    },
  },
  {
    name: 'any-other',
    ops: ['eq', 'neq'],
    type: 'any',
    literal: 'abc',
    cells: {
      nullish: 'M',
      bool: 'K',
      number: 'K',
      'num-like': [['abc', '25', false]],
      other: [
        ['abc', 'abc', true],
        ['abc', 'abcd', false],
      ],
      empty: [
        ['', '', true],
        ['abc', '', false],
      ],
      compound: 'K',
    },
  },
  {
    name: 'any-boolean',
    ops: ['eq', 'neq'],
    type: 'any',
    literal: true,
    cells: {
      nullish: 'M',
      bool: [
        [false, false, true],
        [true, false, false],
      ],
      number: 'K',
      'num-like': 'K',
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
]

const orderingOf = (op: Operator, below: boolean, same: boolean, above: boolean): Row => ({
  name: 'numeric',
  ops: [op],
  type: 'numeric',
  literal: 10,
  cells: {
    nullish: 'M',
    bool: 'K',
    number: [
      [10, 9.75, below],
      [10, 10, same],
      [10, 10.25, above],
    ],
    'num-like': [
      [10, '9', below],
      [10, ' 10.0', same],
      [10, '+1.1e1', above],
    ],
    other: 'K',
    empty: 'K',
    compound: 'K',
  },
})

const searchOf = (op: Operator, cells: Pick<Row['cells'], 'bool' | 'number' | 'num-like' | 'other'>): Row => ({
  name: 'text',
  ops: [op],
  type: 'text',
  literal: 'a',
  cells: { nullish: 'M', ...cells, empty: [['a', '', false]], compound: 'K' },
})

const searches: readonly Row[] = [
  searchOf('prefix', {
    bool: [
      ['tru', true, true],
      ['rue', true, false],
    ],
    number: [
      ['10', 105, true],
      ['05', 105, false],
    ],
    'num-like': [
      ['1.', '1.50', true],
      ['.5', '1.50', false],
    ],
    other: [
      ['ab', 'abc', true],
      ['bc', 'abc', false],
    ],
  }),
  searchOf('suffix', {
    bool: [
      ['lse', false, true],
      ['fal', false, false],
    ],
    number: [
      ['05', 105, true],
      ['10', 105, false],
    ],
    'num-like': [
      ['50', '1.50', true],
      ['.5', '1.50', false],
    ],
    other: [
      ['bc', 'abc', true],
      ['ab', 'abc', false],
    ],
  }),
  searchOf('contains', {
    bool: [
      ['als', false, true],
      ['ru', false, false],
    ],
    number: [
      ['.2', 10.25, true],
      ['2.', 10.25, false],
    ],
    'num-like': [
      ['.5', '1.50', true],
      ['15', '1.50', false],
    ],
    other: [
      ['b', 'abc', true],
      ['ac', 'abc', false],
    ],
  }),
]

const membership: readonly Row[] = [
  {
    name: 'numeric',
    ops: ['in'],
    type: 'numeric',
    literal: [1, 2.5, 3],
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        [[1, 2.5, 3], 2.5, true],
        [[1, 2.5, 3], 2, false],
      ],
      'num-like': [
        [[1, 2.5, 3], '3.0', true],
        [[1, 2.5, 3], '13', false],
      ],
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
  {
    name: 'text',
    ops: ['in'],
    type: 'text',
    literal: ['1', 'a'],
    cells: {
      nullish: 'M',
      bool: [
        [['a', 'true'], true, true],
        [['a', 'True'], true, false],
      ],
      number: [
        [['5', '7'], 7, true],
        [['5', '7.0'], 7, false],
      ],
      'num-like': [
        [['5', '7.0'], '7.0', true],
        [['5', '7'], '7.0', false],
      ],
      other: [
        [['a', 'b'], 'b', true],
        [['a', 'b'], 'ab', false],
      ],
      empty: [
        [['a', ''], '', true],
        [['a', ' '], '', false],
      ],
      compound: 'K',
    },
  },
  {
    name: 'any-numbers',
    ops: ['in'],
    type: 'any',
    literal: [7, 8],
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        [[7, 8], 8, true],
        [[7, 8], 9, false],
      ],
      'num-like': [
        [[7, 8], '08', true],
        [[7, 8], '78', false],
      ],
      other: 'K',
      empty: 'K',
      compound: 'K',
    },
  },
  {
    name: 'any-strings',
    ops: ['in'],
    type: 'any',
    literal: ['x', 'y'],
    cells: {
      nullish: 'M',
      bool: 'K',
      number: [
        [['x', '7.0'], 7, true],
        [['x', '8'], 7, false],
      ],
      'num-like': [
        [['x', '7.0'], '7.0', true],
        [['x', '7'], '7.0', false],
      ],
      other: [
        [['x', '7'], 'x', true],
        [['x', '7'], 'X', false],
      ],
      empty: [
        [['x', ''], '', true],
        [['x', '0'], '', false],
      ],
      compound: 'K',
    },
  },
  {
    // The number meets only those items that are num-like; here there are none.
    name: 'any-strings-none-num-like',
    ops: ['in'],
    type: 'any',
    literal: ['x', '', '0x7'],
    cells: {
      nullish: 'M',
      bool: 'K',
      number: 'K',
      'num-like': [[['x', '', '0x7'], '7', false]],
      other: [[['x', '', '0x7'], '0x7', true]],
      empty: [[['x', '', '0x7'], '', true]],
      compound: 'K',
    },
  },
]

const presence: readonly Row[] = [
  {
    name: 'any',
    ops: ['exists'],
    type: 'any',
    cells: { nullish: 'F', bool: 'T', number: 'T', 'num-like': 'T', other: 'T', empty: 'T', compound: 'T' },
  },
  {
    name: 'any',
    ops: ['is_null'],
    type: 'any',
    cells: { nullish: 'T', bool: 'F', number: 'F', 'num-like': 'F', other: 'F', empty: 'F', compound: 'F' },
  },
]

export const truthTable: readonly Row[] = [
  ...equality,
  orderingOf('lt', true, false, false),
  orderingOf('lte', true, true, false),
  orderingOf('gt', false, false, true),
  orderingOf('gte', false, true, true),
  ...searches,
  ...membership,
  ...presence,
]

/** The first value that each column is shown with beside another field (2.6, the paragraph on `field_ref`). */
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
