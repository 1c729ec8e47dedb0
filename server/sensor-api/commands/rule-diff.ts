import { structuredPatch } from 'diff'
import pc from 'picocolors'
import { harmless } from '../../../core/lib/harmless.ts'
import { contentOf } from '../../../core/rules/rule.ts'
import { contentText } from '../../rule-files/rule-text.ts'
import type { Step } from './plan-apply.ts'

const contextLines = 2

/** What a step does, for people: a line that says it, and the lines of the rule that change. */
export function stepLines(step: Step, color: boolean): readonly string[] {
  const paint = pc.createColors(color)
  const painted = (line: string) => (line[0] === '+' ? paint.green(line) : line[0] === '-' ? paint.red(line) : line)
  if (step.do === 'keep') return []
  const text = titleOf(step)
  return [paint.bold(harmless(text)), ...diffOf(step).map(line => `  ${painted(harmless(line))}`)]
}

function titleOf(step: Exclude<Step, { do: 'keep' }>): string {
  if (step.do === 'create') return `create ${JSON.stringify(step.content.name)}`
  const { rule_id, name, version, state } = step.old
  if (step.do === 'update') return `update ${JSON.stringify(name)} (${rule_id}, version ${version} -> ${version + 1})`
  return `delete ${JSON.stringify(name)} (${rule_id}, version ${version}${state === 'active' ? ', active: disabled first' : ''})`
}

function diffOf(step: Exclude<Step, { do: 'keep' }>): readonly string[] {
  const old = 'old' in step ? contentText(contentOf(step.old)) : ''
  const now = 'content' in step ? contentText(step.content) : ''
  const { hunks } = structuredPatch('', '', old, now, undefined, undefined, { context: contextLines })
  return hunks.flatMap(({ lines }, index) => (index === 0 ? lines : ['...', ...lines]))
}

/** `2 to create, 1 to update, 5 unchanged`. */
export function summaryOf(steps: readonly Step[], tense: 'will' | 'did'): string {
  const count = (what: Step['do']) => steps.filter(step => step.do === what).length
  const verbs = { create: 'created', update: 'updated', delete: 'deleted' } as const
  const parts = (['create', 'update', 'delete'] as const)
    .filter(what => count(what) > 0)
    .map(what => (tense === 'will' ? `${count(what)} to ${what}` : `${count(what)} ${verbs[what]}`))
  const kept = count('keep')
  return [...parts, ...(kept > 0 || parts.length === 0 ? [`${kept} unchanged`] : [])].join(', ')
}
