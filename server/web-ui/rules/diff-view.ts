import type { RuleContent } from '../../../core/rules/rule.ts'
import { contentText } from '../../rule-files/rule-text.ts'
import { type Html, html } from '../../ui/html.ts'
import { type DiffLine, diffRows } from './diff-rows.ts'

export interface DiffSide {
  readonly title: string
  readonly rule: RuleContent
}

/** Two rules side by side as YAML. What changed is marked by a sign too, not by colour alone. */
export function diffView(left: DiffSide, right: DiffSide): Html {
  const rows = diffRows(contentText(left.rule), contentText(right.rule))
  if (rows.every(({ kind }) => kind === 'same'))
    return html`<p class="notice">${left.title} and ${right.title} are the same.</p>`
  return html`<div class="wide" tabindex="0" role="region" aria-label="${left.title} beside ${right.title}"><table class="diff">
<thead><tr><th scope="col" colspan="2">${left.title}</th><th scope="col" colspan="2">${right.title}</th></tr></thead>
<tbody>${rows.map(
    row =>
      html`<tr>${side(row.left, row.kind === 'changed' && 'old')}${side(row.right, row.kind === 'changed' && 'new')}</tr>`,
  )}</tbody></table></div>`
}

function side(line: DiffLine | undefined, change: 'old' | 'new' | false): Html {
  if (line === undefined) return html`<td class="line"></td><td></td>`
  const { number, text } = line
  if (change === false) return html`<td class="line">${number}</td><td><code>${text}</code></td>`
  const marked = change === 'old' ? html`<del>− ${text}</del>` : html`<ins>+ ${text}</ins>`
  return html`<td class="line">${number}</td><td class="${change}"><code>${marked}</code></td>`
}
