import fc from 'fast-check'

/**
 * Rules and records that meet: few keys, few values, and among those the ones where evaluators differ. Two random
 * values out of everything would never be equal, and everything would be false.
 */
export const big = 9007199254740993n

export const numbers = [0, -0, 1, 7, 7.5, 10, -1, 1e-7, 1e21, 2 ** 53, 1.7976931348623157e308]
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
export const texts = [...numberTexts, ...otherTexts, ...unicodeTexts]
export const searched = ['a', 'ab', 'bc', '7', '.', 'e', 'tr', '+', '\u0301', '\u{1f600}', '\ud83d', '\ude00', 'Inf']

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
