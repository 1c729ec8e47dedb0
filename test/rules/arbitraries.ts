import fc from 'fast-check'
import {
  type AndGroup,
  actions,
  type Condition,
  type FieldPath,
  type FieldType,
  type Literal,
  type Operator,
  policies,
  type SentRule,
} from '../../core/rules/rule.ts'
import { naiveRuleScore } from './naive-cost.ts'
import { ruleOf } from './subject.ts'

/**
 * Rules and records that meet: few keys, few values, and among those the ones where evaluators differ. Two random
 * values out of everything would never be equal, and everything would be false.
 */
const big = 9007199254740993n

const numbers = [0, -0, 1, 7, 7.5, 10, -1, 1e-7, 1e21, 2 ** 53, 1.7976931348623157e308]
const oddNumbers = [big, -big, 7n, 10n ** 21n, 10n ** 309n, Infinity, -Infinity, Number.NaN]
const numberTexts = [
  '7',
  '7.0',
  ' 7 ',
  '07',
  '+7',
  '-0',
  '1e-7',
  '1e21',
  '.5',
  '7.',
  String(big),
  `-${big}`,
  `${big}.0`,
]
const otherTexts = ['', ' ', 'abc', 'ab', 'ABC', 'true', 'NaN', 'Infinity', '0x7', '1e400', '7_0', '\u00a07', '.']
const unicodeTexts = ['\u00e9', 'e\u0301', '\u{1f600}', 'x\u{1f600}', '\ud83d', '\ude00']
const texts = [...numberTexts, ...otherTexts, ...unicodeTexts]
const searched = ['a', 'ab', 'bc', '7', '.', 'e', 'tr', '+', '\u0301', '\u{1f600}', '\ud83d', '\ude00', 'Inf']

/** What programs hand over beside plain objects. Only own fields count. */
const inherits = () => Object.create({ a: 7, b: 'ab' }) as unknown
const withoutPrototype = () => Object.assign(Object.create(null), { a: 7, b: null }) as unknown
const withGetter = () => Object.create({}, { b: { get: () => 'ab', enumerable: true } }) as unknown

export const leaves = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...numbers) },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(...oddNumbers) },
  { weight: 4, arbitrary: fc.constantFrom<unknown>(...texts) },
  { weight: 1, arbitrary: fc.boolean() },
  { weight: 2, arbitrary: fc.constantFrom<unknown>(null, undefined) },
  { weight: 1, arbitrary: fc.constantFrom(new Date(0), new Date(120), new Uint8Array(1), new Set([7, 'ab', null])) },
  { weight: 1, arbitrary: fc.constantFrom(inherits, withoutPrototype, withGetter).map(make => make()) },
)

const keys = ['a', 'b', '*', '0', '__proto__']

const fromEntries = (entries: readonly (readonly [string, unknown])[]) => Object.fromEntries(entries)

const { value: valueArbitrary } = fc.letrec(tie => ({
  value: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: leaves },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.tuple(fc.constantFrom(...keys), tie('value')), { maxLength: 3 }).map(fromEntries),
    },
  ),
}))

/** Any record; mostly objects, for on anything else most paths are only missing. */
export const looseRecords: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(valueArbitrary, valueArbitrary).map(([a, b]) => ({ a, b })) },
  { weight: 1, arbitrary: valueArbitrary },
)

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

const conditions: fc.Arbitrary<Condition> = fc
  .constantFrom(...pairs)
  .chain(([op, type]) =>
    fc.tuple(fc.constant([op, type] as const), paths, comparedWith(op, type), somePolicy, somePolicy),
  )
  .map(([[op, field_type], field, compared, on_missing_field, on_coercion_fail]) => ({
    field,
    op,
    field_type,
    ...compared,
    on_missing_field,
    on_coercion_fail,
  }))

const groups: fc.Arbitrary<AndGroup> = fc.array(conditions, { minLength: 1, maxLength: 3 }).map(all => ({ all }))

const rates = [1, 1, 1, 0, 0.25, 0.5]

/** Rules as a sensor receives them, in an order that the score did not make: sensors keep the received one. */
export const ruleSets: fc.Arbitrary<readonly SentRule[]> = fc
  .array(
    fc.record({
      any: fc.array(groups, { minLength: 1, maxLength: 3 }),
      action: fc.constantFrom(...actions, 'observe' as const),
      sample_rate: fc.constantFrom(...rates),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map(rules => rules.map((rule, index) => ruleOf({ ...rule, rule_id: `r${index}`, score: naiveRuleScore(rule.any) })))
