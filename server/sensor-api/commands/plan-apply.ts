import { canonicalJson } from '../../../core/rules/etag.ts'
import { contentOf, type Rule, type RuleContent } from '../../../core/rules/rule.ts'
import type { FileRule } from '../../rule-files/rule-file.ts'
import type { RuleChange } from '../../store/rules-store.ts'

/** What becomes of one rule. */
export type Step =
  | { readonly do: 'create'; readonly content: RuleContent }
  | { readonly do: 'update'; readonly old: Rule; readonly content: RuleContent }
  | { readonly do: 'delete'; readonly old: Rule }
  | { readonly do: 'keep'; readonly old: Rule }

export interface ApplyPlan {
  readonly steps: readonly Step[]
  readonly faults: readonly string[]
}

export interface ApplyMode {
  /** `add`: what is there stays as it is. */
  readonly existing: 'update' | 'keep'
  /** Delete what no file has. */
  readonly prune: boolean
}

/**
 * What must change so that the stored rules are those of the files. A rule of a file is the stored one with its
 * rule_id, else the only one with its name, else a new one. Pure: run twice it plans nothing the second time.
 */
export function planApply(
  files: readonly FileRule[],
  stored: readonly Rule[],
  { existing, prune }: ApplyMode,
): ApplyPlan {
  const byId = new Map(stored.map(rule => [rule.rule_id, rule]))
  const byName = Map.groupBy(stored, rule => rule.name)
  const places = new Map<string, string>()
  const faults: string[] = []
  const steps: Step[] = []

  for (const { at, content, ruleId } of files) {
    const { name } = content
    const namesakes = byName.get(name) ?? []
    const old =
      (ruleId === undefined ? undefined : byId.get(ruleId)) ?? (namesakes.length === 1 ? namesakes[0] : undefined)
    if (!old && namesakes.length > 1) {
      const ids = namesakes.map(rule => rule.rule_id).join(', ')
      faults.push(`${at}: ${namesakes.length} rules have the name ${quoted(name)}: say which by \`rule_id\` (${ids})`)
      continue
    }
    const key = old ? `rule ${old.rule_id}` : `name ${name}`
    const other = places.get(key)
    if (other !== undefined) {
      faults.push(
        `${at}: ${quoted(name)} is the same rule as at ${other}: names must differ, or each have a \`rule_id\``,
      )
      continue
    }
    places.set(key, at)
    steps.push(stepOf(old, content, existing))
  }

  if (prune && files.length === 0)
    faults.push('--prune with no rule in the files would delete every rule: nothing is done')
  else if (prune) {
    for (const old of stored) if (!places.has(`rule ${old.rule_id}`)) steps.push({ do: 'delete', old })
  }
  return { steps, faults }
}

function stepOf(old: Rule | undefined, content: RuleContent, existing: ApplyMode['existing']): Step {
  if (!old) return { do: 'create', content }
  return existing === 'keep' || isSame(old, content) ? { do: 'keep', old } : { do: 'update', old, content }
}

const isSame = (old: Rule, content: RuleContent) => canonicalJson(contentOf(old)) === canonicalJson(content)

/** As the store takes them. An active rule may not be deleted: it is disabled first. */
export function changesOf(steps: readonly Step[]): readonly RuleChange[] {
  return steps.flatMap((step): RuleChange[] => {
    if (step.do === 'create') return [{ kind: 'create', content: step.content }]
    if (step.do === 'keep') return []
    const { rule_id: ruleId, version } = step.old
    if (step.do === 'update') return [{ kind: 'update', ruleId, basedOn: version, content: step.content }]
    if (step.old.state !== 'active') return [{ kind: 'delete', ruleId, basedOn: version }]
    const disabled = { ...contentOf(step.old), state: 'disabled' } as const
    return [
      { kind: 'update', ruleId, basedOn: version, content: disabled },
      { kind: 'delete', ruleId, basedOn: version + 1 },
    ]
  })
}

const quoted = (name: string) => JSON.stringify(name)
