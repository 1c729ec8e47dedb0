import { fieldTypes, type Operator, type Policy, policies } from '../../core/rules/rule.ts'
import { comparablePairs, referenceValues } from './reference-table.ts'
import { truthTable } from './truth-table.ts'
import { type Column, columns, type Row } from './truth-table-row.ts'
import { missing, type Vector } from './vectors.ts'

/** Values of a column for cells where only the class counts; one for each policy. */
const examples: Readonly<Record<Column, readonly unknown[]>> = {
  nullish: [missing, null, { $num: 'NaN' }],
  bool: [true, false, true],
  number: [1, 0, 10.5],
  'num-like': ['1', '0', ' -10.5e0 '],
  other: ['abc', '0x10', '1_000'],
  empty: ['', '', ''],
  compound: [{}, [7], { v: 7 }],
}

const shortNames = { M: 'missing', K: 'coercion' } as const

/** Every cell of the table, with every policy where a policy decides, and with both results where values are compared. */
export function truthTableVectors(): readonly Vector[] {
  return truthTable.flatMap(row => row.ops.flatMap(op => columns.flatMap(column => cellVectors(row, op, column))))
}

function cellVectors(row: Row, op: Operator, column: Column): readonly Vector[] {
  const cell = row.cells[column]
  const id = `${op.replace('_', '-')}-${row.name}-${column}`
  const base = { field: ['v'], op, field_type: row.type }
  if (cell === 'T' || cell === 'F') return fixedVectors(id, base, column, cell === 'T')
  if (cell === 'M' || cell === 'K') return policyVectors(id, { ...base, value: row.literal }, column, cell)
  return cell.map(([literal, value, holds], index) => ({
    id: `${id}-${index + 1}`,
    kind: 'condition',
    // Policies that would show, were they asked.
    condition: { ...base, value: literal, on_missing_field: 'match', on_coercion_fail: 'match' },
    record: { v: value },
    expect: (op === 'neq') !== holds ? matchedOn(['v'], value) : { result: 'false' },
  }))
}

const matchedOn = (path: readonly string[], value: unknown) => ({
  result: 'true',
  match_kind: 'VALUE',
  matched_path: path,
  matched_value: value,
})

function fixedVectors(id: string, base: object, column: Column, holds: boolean): readonly Vector[] {
  return examples[column].map((value, index) => ({
    id: `${id}-${index + 1}`,
    kind: 'condition',
    condition: { ...base, on_missing_field: policies[index], on_coercion_fail: policies[index] },
    record: recordOf({ v: value }),
    expect: { result: String(holds), ...(holds && { match_kind: 'VALUE', matched_path: ['v'] }) },
  }))
}

function policyVectors(id: string, base: object, column: Column, cell: 'M' | 'K'): readonly Vector[] {
  return policies.map((policy, index) => ({
    id: `${id}-${shortNames[cell]}-${policy}`,
    kind: 'condition',
    condition: { ...base, ...onlyPolicy(cell, policy) },
    record: recordOf({ v: examples[column][index] }),
    expect: byPolicy(cell, policy, ['v']),
  }))
}

/** The other policy is set to what would give another result. */
function onlyPolicy(cell: 'M' | 'K', policy: Policy) {
  const other = policy === 'fail' ? 'match' : 'fail'
  return cell === 'M'
    ? { on_missing_field: policy, on_coercion_fail: other }
    : { on_missing_field: other, on_coercion_fail: policy }
}

function byPolicy(cell: 'M' | 'K', policy: Policy, path: readonly string[]) {
  if (policy === 'skip') return { result: 'false' }
  const [result, kind] = policy === 'match' ? ['true', 'MATCHED'] : ['error', 'FAILED']
  return { result, match_kind: `${cell === 'M' ? 'MISSING' : 'COERCION'}_${kind}`, matched_path: path }
}

const recordOf = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== missing))

/** Every pair of columns on the two sides of a `field_ref`, for every type. */
export function referenceVectors(): readonly Vector[] {
  return fieldTypes.flatMap(type =>
    columns.flatMap((left, row) =>
      columns.map((right, column): Vector => {
        const record = recordOf({ l: sideValue(left, row + column), r: sideValue(right, row) })
        const condition = { field: ['l'], op: 'eq', field_type: type, field_ref: ['r'] }
        const id = `ref-${type}-${left}-${right}`
        const kind = left === 'nullish' || right === 'nullish' ? 'M' : comparablePairs[type](left, right)
        if (kind === 'M' || kind === 'K') {
          const policy = policies[(row + column) % policies.length]!
          const asked = { ...condition, ...onlyPolicy(kind, policy) }
          return { id, kind: 'condition', condition: asked, record, expect: byPolicy(kind, policy, ['l']) }
        }
        const expect = kind === 'N' || left === right ? matchedOn(['l'], record['l']) : { result: 'false' }
        const policiesThatShow = { on_missing_field: 'match', on_coercion_fail: 'match' }
        return { id, kind: 'condition', condition: { ...condition, ...policiesThatShow }, record, expect }
      }),
    ),
  )
}

function sideValue(column: Column, turn: number): unknown {
  return column === 'nullish' ? examples.nullish[turn % 3] : referenceValues[column]
}
