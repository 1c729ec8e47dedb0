import type { Action, MatchKind } from '../../../core/rules/rule.ts'

/** How actions are stored. They stand in databases: never renumbered. */
export const actionCodes = { observe: 1, drop: 2, fail: 3 } as const satisfies Record<Action, number>

/** How match kinds are stored. They stand in databases: never renumbered. */
export const matchKindCodes = {
  VALUE: 1,
  MISSING_MATCHED: 2,
  COERCION_MATCHED: 3,
  MISSING_FAILED: 4,
  COERCION_FAILED: 5,
} as const satisfies Record<MatchKind, number>

const inverted = <Name extends string>(codes: Record<Name, number>) =>
  new Map(Object.entries<number>(codes).map(([name, code]) => [code, name as Name]))
const actionNames = inverted<Action>(actionCodes)
const matchKindNames = inverted<MatchKind>(matchKindCodes)

export const actionOf = (code: number): Action => actionNames.get(code)!
export const matchKindOf = (code: number): MatchKind => matchKindNames.get(code)!

/** What `appended` is in an answer of the worker, one byte for each event. */
export const appendedWords = ['stored', 'duplicate', 'unknown_rule'] as const
export const appendedCodes = { stored: 0, duplicate: 1, unknown_rule: 2 } as const
