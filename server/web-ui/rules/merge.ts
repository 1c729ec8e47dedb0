import { isDeepStrictEqual } from 'node:util'
import type { RuleContent } from '../../../core/rules/rule.ts'

export interface Merged {
  /** Where both changed the same, `mine`. */
  readonly content: RuleContent
  /** What both changed, each in another way, as a fault's path says it. */
  readonly conflicts: readonly string[]
  /** What only the others changed: it is in `content` now. */
  readonly taken: readonly string[]
}

/** What came of a rule that two changed at once: `base` is what both began with. Total, and it invents nothing. */
export function mergeRules(base: RuleContent, mine: RuleContent, theirs: RuleContent): Merged {
  const conflicts: string[] = []
  const taken: string[] = []
  const merge = <T>(path: string, from: T, my: T, their: T): T => {
    if (isDeepStrictEqual(my, their) || isDeepStrictEqual(their, from)) return my
    if (isDeepStrictEqual(my, from)) {
      taken.push(path)
      return their
    }
    conflicts.push(path)
    return my
  }
  /** Part by part when nobody added or removed one: then a part is the same one for all. */
  const mergeList = <T>(
    path: string,
    [from, my, their]: readonly [readonly T[], readonly T[], readonly T[]],
    part: (path: string, from: T, my: T, their: T) => T,
  ): readonly T[] =>
    from.length === my.length && from.length === their.length
      ? from.map((item, at) => part(`${path}[${at}]`, item, my[at]!, their[at]!))
      : merge(path, from, my, their)
  const field = <K extends keyof RuleContent>(key: K) => merge(key, base[key], mine[key], theirs[key])
  const content: RuleContent = {
    schema_version: 1,
    name: field('name'),
    description: field('description'),
    state: field('state'),
    dry_run: field('dry_run'),
    action: field('action'),
    sample_rate: field('sample_rate'),
    scope: {
      tags: merge('scope.tags', base.scope.tags, mine.scope.tags, theirs.scope.tags),
      exclude_tags: merge(
        'scope.exclude_tags',
        base.scope.exclude_tags,
        mine.scope.exclude_tags,
        theirs.scope.exclude_tags,
      ),
    },
    any: mergeList('any', [base.any, mine.any, theirs.any], (path, from, my, their) => ({
      all: mergeList(`${path}.all`, [from.all, my.all, their.all], merge),
    })),
  }
  return { content, conflicts, taken }
}
