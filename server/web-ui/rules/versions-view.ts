import { contentOf } from '../../../core/rules/rule.ts'
import type { RuleVersion } from '../../store/rules-store.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import { diffView } from './diff-view.ts'
import { rulePath } from './rule-parts.ts'
import { personText } from './words.ts'

export interface VersionsView {
  readonly ruleId: string
  /** Newest first; at least one. */
  readonly versions: readonly RuleVersion[]
  readonly from: RuleVersion
  readonly to: RuleVersion
  readonly isDeleted: boolean
  readonly mayEdit: boolean
  readonly csrf: Html
}

/** Who wrote what when; any two side by side; and the way back. */
export function versionsBody({ ruleId, versions, from, to, isDeleted, mayEdit, csrf }: VersionsView): Html {
  const newest = versions[0]!.rule
  const path = rulePath(ruleId)
  const pick = (name: 'from' | 'to', { rule: { version } }: RuleVersion, picked: RuleVersion) =>
    html`<input type="radio" name="${name}" value="${version}" aria-label="${name === 'from' ? 'Left' : 'Right'}: version ${version}"${picked.rule.version === version && html` checked`}>`
  return html`<h1>Versions of ${newest.name}</h1>
${isDeleted ? html`<p class="notice">This rule is deleted. Its versions are kept.</p>` : html`<p><a href="${path}">To the rule</a></p>`}
<form method="get" action="${path}/versions">
<div class="wide" tabindex="0" role="region" aria-label="Versions"><table>
<thead><tr><th scope="col">Left</th><th scope="col">Right</th><th scope="col" class="number">Version</th><th scope="col">Written</th><th scope="col">By</th><th scope="col">State</th><th scope="col">Action</th></tr></thead>
<tbody>${versions.map(
    version => html`<tr><td>${pick('from', version, from)}</td><td>${pick('to', version, to)}</td>
<td class="number">${version.rule.version}</td><td>${timeTag(version.writtenAtMs)}</td><td>${personText(version.author)}</td><td>${version.rule.state}</td><td>${version.rule.action}${version.rule.dry_run && ', dry run'}</td></tr>\n`,
  )}</tbody></table></div>
<p class="buttons"><button>Compare</button></p></form>
${
  versions.length > 1 &&
  html`<h2>Version ${from.rule.version} beside version ${to.rule.version}</h2>
${diffView({ title: `Version ${from.rule.version}`, rule: contentOf(from.rule) }, { title: `Version ${to.rule.version}`, rule: contentOf(to.rule) })}`
}
${
  mayEdit &&
  !isDeleted &&
  from.rule.version !== newest.version &&
  html`<form method="post" action="${path}/rollback">${csrf}<input type="hidden" name="based_on" value="${newest.version}">
<input type="hidden" name="version" value="${from.rule.version}">
<p>Going back writes what version ${from.rule.version} says as version ${newest.version + 1}. The rule stays ${newest.state}.</p>
<button>Go back to version ${from.rule.version}</button></form>`
}`
}
