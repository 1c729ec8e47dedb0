import fc from 'fast-check'
import {
  type AndGroup,
  actions,
  type Condition,
  type FieldPath,
  type FieldType,
  type Literal,
  type Operator,
  type Policy,
  policies,
  type SentRule,
} from '../../core/rules/rule.ts'
import { big, numbers, searched, texts } from './arbitrary-records.ts'
import { naiveRuleScore } from './naive-cost.ts'
import { ruleOf } from './subject.ts'

const plainPaths: readonly FieldPath[] = [
  ['a'],
  ['a'],
  ['b'],
  ['a', 'b'],
  ['a', 0],
  ['a', 1, 'b'],
  ['a', '0'],
  ['a', { key: '*' }],
  [0],
  ['b', 'a', 'a'],
  ['constructor'],
  ['a', '__proto__'],
  ['a', 'length'],
]
const wildcardPaths: readonly FieldPath[] = [
  ['a', '*'],
  ['a', '*'],
  ['a', '*', 'b'],
  ['a', '*', 0],
  ['a', '*', '*'],
  ['a', '*', 'b', '*'],
  ['a', 'b', '*', 'a'],
  ['*'],
  ['*', '*'],
]
const paths = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...plainPaths) },
  { weight: 2, arbitrary: fc.constantFrom(...wildcardPaths) },
)

const exactNumbers = numbers.filter(number => !Number.isInteger(number) || Number.isSafeInteger(number))
const numericTexts = ['7', ' 7.0 ', '1e-7', '-0']
const anything = [...texts, ...exactNumbers]

/** Literals that may be written for an operator and type; some must first be converted to the type. */
function literalOf(op: Operator, type: FieldType): fc.Arbitrary<Literal> {
  const list = <T>(items: readonly T[]) => fc.array(fc.constantFrom(...items), { minLength: 1, maxLength: 3 })
  if (op === 'in') {
    if (type === 'text') return fc.oneof(list(texts), list(exactNumbers))
    return type === 'numeric'
      ? fc.oneof(list(exactNumbers), list(numericTexts))
      : fc.oneof(list(exactNumbers), list(texts))
  }
  if (type === 'boolean') return fc.boolean()
  if (op === 'prefix' || op === 'suffix' || op === 'contains') return fc.constantFrom<Literal>(...searched, 7, true)
  if (type === 'text') return fc.constantFrom<Literal>(...anything, true, false)
  if (type === 'any') return fc.constantFrom<Literal>(...anything, true, false)
  if (op === 'eq' || op === 'neq') return fc.constantFrom<Literal>(...exactNumbers, ...numericTexts)
  return fc.constantFrom<Literal>(...numbers, ...numericTexts, String(big))
}

const typesOf: Readonly<Record<Operator, readonly FieldType[]>> = {
  eq: ['numeric', 'text', 'boolean', 'any'],
  neq: ['numeric', 'text', 'boolean', 'any'],
  lt: ['numeric'],
  lte: ['numeric'],
  gt: ['numeric'],
  gte: ['numeric'],
  prefix: ['text'],
  suffix: ['text'],
  contains: ['text'],
  in: ['numeric', 'text', 'any'],
  exists: ['any'],
  is_null: ['any'],
}

const pairs = Object.entries(typesOf).flatMap(([op, types]) => types.map(type => [op as Operator, type] as const))

type Compared = Pick<Condition, 'value'> | Pick<Condition, 'field_ref'>

function comparedWith(op: Operator, type: FieldType): fc.Arbitrary<Compared> {
  if (op === 'exists' || op === 'is_null') return fc.constant({})
  const literal = literalOf(op, type).map((value): Compared => ({ value }))
  if (typesOf[op].length === 1 && type === 'text') return literal
  if (op === 'in') return literal
  const reference = fc.constantFrom(...plainPaths).map((field_ref): Compared => ({ field_ref }))
  return fc.oneof({ weight: 3, arbitrary: literal }, { weight: 1, arbitrary: reference })
}

/** Mostly `skip`: else nearly every check would end in an error before values were compared. */
const somePolicy = fc.oneof(
  { weight: 3, arbitrary: fc.constant('skip' as const) },
  { weight: 1, arbitrary: fc.constantFrom(...policies) },
)

const conditionsOf = (field: fc.Arbitrary<FieldPath>, policy: fc.Arbitrary<Policy>): fc.Arbitrary<Condition> =>
  fc
    .constantFrom(...pairs)
    .chain(([op, type]) => fc.tuple(fc.constant([op, type] as const), field, comparedWith(op, type), policy, policy))
    .map(([[op, field_type], field, compared, on_missing_field, on_coercion_fail]) => ({
      field,
      op,
      field_type,
      ...compared,
      on_missing_field,
      on_coercion_fail,
    }))

const groupsOf = (conditions: fc.Arbitrary<Condition>): fc.Arbitrary<AndGroup> =>
  fc.array(conditions, { minLength: 1, maxLength: 3 }).map(all => ({ all }))

const groups = groupsOf(conditionsOf(paths, somePolicy))

/** As most rules of people are, and those that code is made of. */
const simplePaths = fc.constantFrom<FieldPath>(['a'], ['b'], ['a', 'b'], ['b', 'a'])
const simpleGroups = groupsOf(conditionsOf(simplePaths, fc.constant('skip')))

const rates = [1, 1, 1, 0, 0.25, 0.5]

const presence: Condition = {
  field: ['a'],
  op: 'is_null',
  field_type: 'any',
  on_missing_field: 'skip',
  on_coercion_fail: 'skip',
}

/** What must never come true: an empty OR, an empty AND, an empty path, rates and actions that are none. */
const broken: readonly SentRule[] = [
  { any: [] },
  { any: [{ all: [] }] },
  { any: [{ all: [presence] }, { all: [] }] },
  { any: [{ all: [{ ...presence, field: [] }] }] },
  ...[-0.5, 1.5, Number.NaN].map(sample_rate => ({ any: [{ all: [presence] }], sample_rate })),
  { any: [{ all: [presence] }], action: 'pass' as 'fail' },
].map(rule => ruleOf({ action: 'fail', rule_id: 'broken', ...rule }))

const ruleSetsOf = (groups: fc.Arbitrary<AndGroup>, rates: readonly number[]): fc.Arbitrary<readonly SentRule[]> =>
  fc
    .array(
      fc.record({
        any: fc.array(groups, { minLength: 1, maxLength: 3 }),
        action: fc.constantFrom(...actions, 'observe' as const),
        sample_rate: fc.constantFrom(...rates),
      }),
      { minLength: 1, maxLength: 4 },
    )
    .map(rules =>
      rules.map((rule, index) => ruleOf({ ...rule, rule_id: `r${index}`, score: naiveRuleScore(rule.any) })),
    )

/** Rules as a sensor receives them, in an order that the score did not make: sensors keep the received one. */
export const ruleSets = fc.oneof(
  { weight: 2, arbitrary: ruleSetsOf(groups, rates) },
  { weight: 1, arbitrary: ruleSetsOf(simpleGroups, [1]) },
)

/** Rules that cannot be put in force, and stop no other. */
export const brokenRules: fc.Arbitrary<readonly SentRule[]> = fc.oneof(
  { weight: 4, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.constantFrom(...broken).map(rule => [rule]) },
)
