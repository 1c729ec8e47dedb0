import { type ConditionCost, costOf, scoreOf } from '../../../core/rules/cost.ts'
import type { Rule, RuleContent } from '../../../core/rules/rule.ts'
import { applies } from '../../../core/rules/scope.ts'
import type { CostBudgets } from '../../store/budgets-store.ts'
import { type Html, html } from '../../ui/html.ts'
import { conditionText } from './words.ts'

const count = (value: number) => value.toLocaleString('en-US')

/** What the editor says of a rule that is dear; nothing of it keeps a rule from being stored. */
export function costWarnings(rule: RuleContent, others: readonly Rule[], budgets: CostBudgets): readonly string[] {
  const score = scoreOf(rule.any)
  const tags = new Set(rule.scope.tags)
  const together = others
    .filter(other => other.state === 'active' && applies(other.scope, tags))
    .reduce((sum, other) => sum + scoreOf(other.any), score)
  return [
    ...(score > budgets.scoreWarning
      ? [
          `Its score of ${count(score)} is above ${count(budgets.scoreWarning)}: each record will take long. A wildcard less divides a condition by 8.`,
        ]
      : []),
    ...(together > budgets.scoreOfSet
      ? [
          `With it a sensor of these tags has rules with a score of ${count(together)} in all, above ${count(budgets.scoreOfSet)}.`,
        ]
      : []),
  ]
}

/** The one bound of cost that refuses a rule: `parseRule` knows none. */
export const costFault = (
  rule: RuleContent,
  budgets: CostBudgets,
): { readonly path: string; readonly message: string } | undefined =>
  scoreOf(rule.any) <= budgets.scoreOfRule
    ? undefined
    : {
        path: 'any',
        message: `the score of a rule must be at most ${count(budgets.scoreOfRule)}, got ${count(scoreOf(rule.any))}: use fewer wildcards, or several rules`,
      }

/** The score, and of what it is made, in the order in which conditions are tried. */
export function costView(rule: RuleContent, warnings: readonly string[]): Html {
  const { score, min, max, conditions } = costOf(rule.any)
  const tried = [...conditions].sort((a, b) => a.group - b.group || a.position - b.position)
  return html`<section><h2>Cost: ${count(score)}</h2>
${warnings.map(warning => html`<p class="notice warn">${warning}</p>`)}
<p>What it takes to try one record. A record that does not match costs from ${count(min)}; with long lists and values to convert up to ${count(max)}.</p>
<div class="wide" tabindex="0" role="region" aria-label="Cost of each condition"><table>
<thead><tr><th scope="col">Group</th><th scope="col">Tried</th><th scope="col">Condition</th><th scope="col">Made of</th><th scope="col" class="number">Score</th></tr></thead>
<tbody>${tried.map(
    cost =>
      html`<tr><td>${cost.group + 1}</td><td>${cost.position + 1}.</td><td><code>${conditionText(rule.any[cost.group]!.all[cost.condition]!)}</code></td><td class="mono">${formula(cost)}</td><td class="number">${count(cost.score)}</td></tr>`,
  )}</tbody></table></div></section>`
}

/** (10 x segments + points of the test) x 8 for each wildcard, + 10 x segments of the second field. */
export function formula({ segments, opPoints, wildcards, refSegments }: ConditionCost): string {
  const field = `10 × ${segments} + ${opPoints}`
  const scanned = wildcards === 0 ? field : `(${field}) × ${8 ** wildcards}`
  return refSegments === 0 ? scanned : `${scanned} + 10 × ${refSegments}`
}
