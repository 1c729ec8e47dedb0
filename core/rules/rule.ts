/**
 * A rule as people write it, as it is stored, exported and shown: OR-groups of AND-conditions and an action. The names
 * are those of its JSON and YAML, so that one shape serves editor, file, audit and test vectors.
 */
export const operators = [
  'eq',
  'neq',
  'lt',
  'lte',
  'gt',
  'gte',
  'prefix',
  'suffix',
  'contains',
  'in',
  'exists',
  'is_null',
] as const
export type Operator = (typeof operators)[number]

export const fieldTypes = ['numeric', 'text', 'boolean', 'any'] as const
export type FieldType = (typeof fieldTypes)[number]

export const policies = ['skip', 'match', 'fail'] as const
/** What a condition is when its field is missing, or does not convert: false, true, or an error that ends the check. */
export type Policy = (typeof policies)[number]

export const actions = ['observe', 'drop', 'fail'] as const
export type Action = (typeof actions)[number]

export const ruleStates = ['draft', 'active', 'disabled'] as const
export type RuleState = (typeof ruleStates)[number]

export const matchKinds = ['VALUE', 'MISSING_MATCHED', 'COERCION_MATCHED', 'MISSING_FAILED', 'COERCION_FAILED'] as const
/** Why a condition counts as matched: by its value, or by one of its policies. */
export type MatchKind = (typeof matchKinds)[number]

/** A key, `'*'` for every element of an array, an index, or a key that is literally `*`. */
export type PathSegment = string | number | { readonly key: '*' }
export type FieldPath = readonly PathSegment[]

export type Literal = string | number | boolean | readonly string[] | readonly number[]

export interface Condition {
  readonly field: FieldPath
  readonly op: Operator
  readonly field_type: FieldType
  /** Absent for `exists`, `is_null` and beside `field_ref`. */
  readonly value?: Literal
  /** A second path of the same record, to compare with. */
  readonly field_ref?: FieldPath
  readonly on_missing_field: Policy
  readonly on_coercion_fail: Policy
}

export interface AndGroup {
  readonly all: readonly Condition[]
}

export interface Scope {
  /** All of them must be among a sensor's tags. */
  readonly tags: readonly string[]
  /** None of them may be. */
  readonly exclude_tags: readonly string[]
}

/** What an author decides. Every part is present: defaults are filled in when it is parsed. */
export interface RuleContent {
  readonly schema_version: 1
  readonly name: string
  readonly description: string
  readonly state: RuleState
  readonly dry_run: boolean
  readonly action: Action
  /** Share of records that are tried, 0 to 1. */
  readonly sample_rate: number
  readonly scope: Scope
  readonly any: readonly AndGroup[]
}

export interface Rule extends RuleContent {
  /** UUIDv7. */
  readonly rule_id: string
  /** From 1; one more with every stored change. */
  readonly version: number
  /** RFC 3339, UTC. */
  readonly created_at: string
}

/** What its author decided, without what the server made. */
export function contentOf({ rule_id, version, created_at, ...content }: Rule): RuleContent {
  return content
}

/** A rule as a sensor gets it: a dry run is turned into `observe`, and what only the server needs is left out. */
export interface SentRule {
  readonly rule_id: string
  readonly version: number
  readonly name: string
  /** The effective one. */
  readonly action: Action
  readonly sample_rate: number
  readonly tags: readonly string[]
  readonly any: readonly AndGroup[]
  readonly score: number
  /** RFC 3339, UTC. */
  readonly created_at: string
}
