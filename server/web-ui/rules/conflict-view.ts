import { contentOf, type Rule, type RuleContent } from '../../../core/rules/rule.ts'
import type { RuleVersion } from '../../store/rules-store.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import { diffView } from './diff-view.ts'
import type { Merged } from './merge.ts'
import { personText } from './words.ts'

export interface Conflict {
  readonly base: Rule
  readonly mine: RuleContent
  readonly theirs: RuleVersion
  readonly merged: Merged
}

/** Above the editor when somebody was quicker: who, what they changed, what is yours, and what both changed. */
export function conflictNotice({ base, mine, theirs, merged }: Conflict): Html {
  const { rule, writtenAtMs } = theirs
  const author = personText(theirs.author)
  return html`<div class="notice warn" role="alert"><p><strong>${author} stored version ${rule.version} at ${timeTag(writtenAtMs)}, while you were changing version ${base.version}.</strong> Nothing of yours was stored, and nothing is lost.</p>
<p>The form below is both together. ${taken(merged)} ${both(merged)} Saving it makes version ${rule.version + 1}.</p></div>
<details class="sides" open><summary>What they changed: version ${base.version} beside version ${rule.version}</summary>
${diffView({ title: `Version ${base.version}`, rule: contentOf(base) }, { title: `Version ${rule.version}, ${author}`, rule: contentOf(rule) })}</details>
<details class="sides" open><summary>What you wrote, beside theirs</summary>
${diffView({ title: `Version ${rule.version}, ${author}`, rule: contentOf(rule) }, { title: 'Yours', rule: mine })}</details>`
}

const list = (paths: readonly string[]) => html`${paths.map((path, at) => html`${at > 0 && ', '}<code>${path}</code>`)}`

const taken = ({ taken: paths }: Merged) => paths.length > 0 && html`From them it has ${list(paths)}.`

const both = ({ conflicts }: Merged) =>
  conflicts.length === 0
    ? 'Nothing was changed by both.'
    : html`<strong>Both of you changed ${list(conflicts)}: it has yours, look at it.</strong>`
