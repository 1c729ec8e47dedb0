import type { Row } from './truth-table-row.ts'

/** A row of `eq` also serves `neq`, which is true where `eq` is false after a conversion. */
export const equality: readonly Row[] = [
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
