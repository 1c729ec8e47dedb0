import { scoreOf } from '../core/rules/cost.ts'
import type { Condition, FieldPath, Literal, Operator, SentRule } from '../core/rules/rule.ts'

/** Rules and records as log pipelines have them, the same on every run. */
const random = seeded(20261121)
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
const between = (min: number, max: number) => min + Math.floor(random() * (max - min + 1))

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const hosts = Array.from({ length: 40 }, (_, index) => `node-${index}.eu-west-1.example.com`)
const services = ['api', 'web', 'billing', 'search', 'auth', 'queue', 'mail', 'export']
const paths = ['/v1/orders', '/v1/users/42', '/healthz', '/v2/items?page=3', '/login', '/static/app.js']

export interface RecordKind {
  /** Without: numbers are whole, and V8 need not box them. */
  readonly fractions: boolean
  /** Some fields are absent in some records, as where a program leaves out what it does not know. */
  readonly optional: boolean
}

/** Records through JSON.parse, as they come from a wire. */
export function sampleRecords(count: number, { fractions, optional }: RecordKind): readonly unknown[] {
  const fraction = () => (fractions ? random() : 0)
  const maybe = (fields: object) => (optional && random() < 0.3 ? {} : fields)
  return Array.from({ length: count }, () => {
    const record = {
      host: pick(hosts),
      ...maybe({ region: 'eu-west-1' }),
      service: pick(services),
      ...maybe({ version: '1.4.2' }),
      status: pick([200, 201, 204, 301, 404, 500]),
      ...maybe({ method: pick(['GET', 'POST', 'PUT']), path: pick(paths) }),
      duration: between(1, 900) + fraction(),
      bytes: between(0, 100_000),
      ...maybe({ trace: `t-${between(1, 1e9)}` }),
      retry: random() < 0.5,
      customer: {
        id: `c-${between(1, 9999)}`,
        ...maybe({ tier: 'gold' }),
        address: {
          ...maybe({ city: 'Springfield' }),
          country: pick(['DE', 'FR', 'US', 'JP']),
          zip: between(0, 99_999),
        },
      },
      items: Array.from({ length: 5 }, () => ({ sku: `s-${between(1, 99)}`, price: between(1, 500) + fraction() })),
    }
    return JSON.parse(JSON.stringify(record)) as unknown
  })
}

interface Sample {
  readonly path: FieldPath
  readonly op: Operator
  readonly type: Condition['field_type']
  readonly literal: () => Literal
}

const numeric = (path: FieldPath, op: Operator, literal: () => number): Sample => ({
  path,
  op,
  type: 'numeric',
  literal,
})
const text = (path: FieldPath, op: Operator, literal: () => Literal): Sample => ({ path, op, type: 'text', literal })

/** Each holds for a good part of the records, so that conditions behind it are reached. */
const often: readonly Sample[] = [
  numeric(['status'], 'gte', () => pick([200, 201, 300])),
  numeric(['duration'], 'gt', () => between(1, 500)),
  numeric(['bytes'], 'lt', () => between(40_000, 100_000)),
  numeric(['customer', 'address', 'zip'], 'lte', () => between(50_000, 99_999)),
  text(['host'], 'suffix', () => '.example.com'),
  text(['host'], 'prefix', () => 'node-'),
  text(['service'], 'neq', () => pick(services)),
  text(['customer', 'address', 'country'], 'in', () => ['DE', 'FR', 'US']),
  { path: ['retry'], op: 'eq', type: 'boolean', literal: () => random() < 0.5 },
]

/** None holds for any record. */
const never: readonly Sample[] = [
  numeric(['status'], 'eq', () => between(600, 699)),
  numeric(['duration'], 'gt', () => between(1000, 2000)),
  numeric(['bytes'], 'gt', () => between(200_000, 300_000)),
  text(['service'], 'eq', () => `service-${between(0, 99)}`),
  text(['host'], 'prefix', () => `edge-${between(0, 99)}`),
  text(['customer', 'id'], 'contains', () => `x${between(0, 99)}`),
  text(['customer', 'address', 'country'], 'in', () => [`X${between(0, 9)}`, 'YY']),
]

/** Rules of 1 to 5 conditions. Unless they are to match, the last one of each never holds. */
export function sampleRules(count: number, matching = false): readonly SentRule[] {
  return Array.from({ length: count }, (_, index) => {
    const conditions = (index % 5) + 1
    const all = Array.from({ length: conditions }, (_, at) =>
      conditionOf(pick(at < conditions - 1 || matching ? often : never)),
    )
    return {
      rule_id: `rule-${index}`,
      version: 1,
      name: `rule ${index}`,
      action: 'observe',
      sample_rate: 1,
      tags: [],
      any: [{ all }],
      score: scoreOf([{ all }]),
      created_at: '2026-01-31T08:00:00Z',
    } satisfies SentRule
  })
}

const conditionOf = ({ path, op, type, literal }: Sample): Condition => ({
  field: path,
  op,
  field_type: type,
  value: literal(),
  on_missing_field: 'skip',
  on_coercion_fail: 'skip',
})
