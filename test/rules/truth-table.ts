/**
 * The truth table of the specification as data, and the values that show each of its cells. The expected
 * results of sdk/vectors/truth-table.json come from here and from no evaluator.
 */
import type { Operator } from '../../core/rules/rule.ts'
import { equality } from './truth-table-equality.ts'
import type { Row } from './truth-table-row.ts'

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
