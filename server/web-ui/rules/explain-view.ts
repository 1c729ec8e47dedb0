import { seenOf } from '../../../core/lib/seen.ts'
import type { Explanation } from '../../../core/rules/explain.ts'
import type { CandidateExplanation, ConditionExplanation } from '../../../core/rules/explain-condition.ts'
import { formatPath } from '../../../core/rules/path.ts'
import type { RuleContent } from '../../../core/rules/rule.ts'
import { type Content, type Html, html } from '../../ui/html.ts'
import { conditionText, cut } from './words.ts'

/** Values of one condition that are shown: what is behind them is counted. */
const shownValues = 10

/** What a rule makes of a record: of each condition what was found, what it became, and what followed. */
export function explainView(explanation: Explanation, { action, dry_run }: RuleContent): Html {
  const { result, groups, score } = explanation
  return html`<section class="explained" aria-label="Result"><p class="notice${result === 'true' ? ' good' : result === 'error' && ' bad'}" role="status">${verdict(explanation, action, dry_run)} Score ${score}.</p>
${groups.map(
  (
    group,
    at,
  ) => html`<h3>Group ${at + 1}: ${truth(group.result)}${!group.reached && html` <span class="soft">(decided before it; a sensor does not try it)</span>`}</h3>
<div class="wide" tabindex="0" role="region" aria-label="Conditions of group ${at + 1}"><table>
<thead><tr><th scope="col">Tried</th><th scope="col">Condition</th><th scope="col">Found</th><th scope="col">Result</th><th scope="col" class="number">Score</th></tr></thead>
<tbody>${group.conditions.map(conditionRow)}</tbody></table></div>`,
)}</section>`
}

function verdict({ result }: Explanation, action: string, dryRun: boolean): string {
  if (result === 'false') return 'It does not match.'
  const effect = dryRun ? `as a dry run it is only observed; without it: ${action}` : action
  if (result === 'true') return `It matches: ${effect}.`
  return dryRun
    ? 'A policy makes it an error that ends the check; as a dry run sensors take the condition as false instead.'
    : 'A policy makes it an error that ends the check, and is handed to the caller like fail.'
}

const truth = (result: string): Html =>
  result === 'true'
    ? html`<strong class="good">✓ true</strong>`
    : result === 'error'
      ? html`<strong class="bad">! error</strong>`
      : html`<span class="soft">✗ false</span>`

function conditionRow(explained: ConditionExplanation): Html {
  const { condition, position, reached, result, policy, candidates, candidatesLeftOut, other, exception } = explained
  const left = candidatesLeftOut + Math.max(0, candidates.length - shownValues)
  return html`<tr><td>${position + 1}.</td>
<td><code>${conditionText(condition)}</code></td>
<td>${candidates.slice(0, shownValues).map(candidateLine)}${left > 0 && html`<div class="soft">and ${left} more</div>`}
${other && html`<div>beside <code>${formatPath(other.path)}</code>: ${valueText(other.value, other.found)}</div>`}
${exception !== undefined && html`<div class="bad">${exception}</div>`}</td>
<td>${truth(result)}${policy !== undefined && html`<div>by <code>${policy}: ${condition[policy]}</code></div>`}${!reached && html`<div class="soft">not reached</div>`}</td>
<td class="number">${explained.score}</td></tr>`
}

function candidateLine({ path, found, value, valueClass, finding, converted }: CandidateExplanation): Html {
  const isOther = converted !== undefined && !Object.is(converted, value)
  return html`<div><code>${formatPath(path)}</code>: ${valueText(value, found)} <span class="soft">${found && `(${valueClass}) `}${finding}</span>${isOther && html` <span class="soft">as ${cut(seenOf(converted))}</span>`}</div>`
}

const valueText = (value: unknown, found: boolean): Content =>
  found ? html`<code>${value === null ? 'null' : seenOf(value)}</code>` : html`<em>nothing there</em>`
