import type { Pull } from '../../../../core/contract/pull.ts'
import { phases } from '../../../../core/contract/words.ts'
import { harmless } from '../../../../core/lib/harmless.ts'
import { type PullState, pullOf } from '../../../../core/pulls/pull.ts'
import { type Html, html } from '../../../ui/html.ts'
import { withQuery } from '../../../ui/paging.ts'
import { type Grouping, groupings, groupOf, groupSentence, imageSentence } from './group.ts'
import type { ImageNodes } from './image-book.ts'
import { imageParts } from './row.ts'
import { rowTemplate, rowView } from './row-view.ts'
import { summaryOf } from './summary.ts'

/** Rows of one answer: thousands take long to make and to lay out. A script brings the others as they are asked for. */
export const rowCap = 300

export interface LiveFacts {
  /** Active ones in the order of their start, and what ended a moment ago; all match the filter. */
  readonly pulls: readonly PullState[]
  readonly lastEventId: string
  readonly by: Grouping
  /** The query of the page: the filter, `group`, `rows` and `from`. */
  readonly query: URLSearchParams
  /** How many pulls come before the first that is shown. */
  readonly from: number
  readonly imageNodes: (imageRef: string) => ImageNodes
  readonly workerUrl: string
  readonly nowMs: number
  /** Nodes that report; what an empty page says depends on it. */
  readonly nodes: number
}

const filterFields = [
  ['image', 'Image'],
  ['node', 'Node'],
  ['namespace', 'Namespace'],
  ['pod', 'Pod'],
] as const

/** GET /: what is pulled now. */
export function livePage(facts: LiveFacts): Html {
  const { pulls, query, from, by, lastEventId, workerUrl } = facts
  const all = query.get('rows') === 'all'
  // Of thousands most are only counted.
  const shown = pulls.slice(from, from + rowCap).map(pull => pullOf(pull))
  const filtered = [...filterFields.map(([name]) => name), 'phase'].some(name => query.get(name))
  // Only what is whole can be gone on from; and a seed of thousands would cost more than the stream's own state.
  const seeding = !filtered && from === 0 && pulls.length <= rowCap
  return html`<h1 class="unseen">Live pulls</h1>
<div id="live" data-worker="${workerUrl}" data-by="${by}" data-cap="${all ? '' : String(rowCap)}"${seeding && html` data-seed="${lastEventId}"`}>
${summaryView(pulls)}
${filterForm(query, by)}
<nav class="choices" aria-label="Grouped by">${groupings.map(
    choice =>
      html`<a href="${withQuery('/', query, { group: choice })}"${choice === by && html` aria-current="true"`}>${
        choice === 'none' ? 'One list' : `By ${choice}`
      }</a>`,
  )}</nav>
<div id="groups">${groupsOf(shown, by).map(([key, members]) => groupView(key, members, facts, seeding))}</div>
<p id="rest"${pulls.length <= shown.length && html` hidden`}><span data-slot="rest">${pulls.length - shown.length}</span> more. ${!all && html`<a class="button by-script" href="${withQuery('/', query, { rows: 'all', from: undefined })}">Show all</a>`}
<noscript>${pages(facts)}</noscript></p>
${emptyView(facts, filtered)}
${rowTemplate(by)}
<template id="group">${groupMarkup('', '', '', '', html``)}</template>
</div>`
}

/** For readers without a script. */
function pages({ pulls, query, from }: LiveFacts): Html {
  const to = (label: string, next: number) =>
    html`<a class="button" href="${withQuery('/', query, { from: next === 0 ? undefined : String(next) })}">${label}</a> `
  const next = from + rowCap
  return html`${from > 0 && to(`The first ${rowCap}`, 0)}${next < pulls.length && to(`From ${next + 1} on`, next)}`
}

const figures = [
  ['active', 'under way'],
  ['waiting', 'pods waiting'],
  ['failing', 'failed'],
  ['rate', 'on all nodes'],
] as const

function summaryView(pulls: readonly PullState[]): Html {
  const summary = summaryOf(pulls)
  return html`<div class="summary"><dl>${figures.map(
    ([name, label]) =>
      html`<div data-figure="${name}"><dd data-slot="${name}">${summary[name]}</dd><dt>${label}</dt></div>`,
  )}</dl><p id="link" role="status" data-link="none"><span data-slot="link-text">As of this moment; reload for news.</span></p></div>`
}

const filterForm = (query: URLSearchParams, by: Grouping) => html`<form class="filters" method="get" action="/">
<input type="hidden" name="group" value="${by}">
${filterFields.map(
  ([name, label]) =>
    html`<label>${label}<input name="${name}" value="${query.getAll(name).join(',')}" maxlength="1024" autocomplete="off" spellcheck="false"></label>`,
)}
<label>Phase<select name="phase"><option value="">any</option>${phases.map(
  phase => html`<option${query.get('phase') === phase && html` selected`}>${phase}</option>`,
)}</select></label>
<button class="primary">Show</button> <a class="button" href="${withQuery('/', new URLSearchParams(), { group: by })}">Clear</a>
</form>`

function groupsOf(pulls: readonly Pull[], by: Grouping): [string, Pull[]][] {
  const groups = new Map<string, Pull[]>()
  for (const pull of pulls) {
    const key = groupOf(pull, by)
    const members = groups.get(key)
    if (members === undefined) groups.set(key, [pull])
    else members.push(pull)
  }
  return [...groups]
}

function groupView(
  key: string,
  members: readonly Pull[],
  { by, imageNodes, nowMs }: LiveFacts,
  seeding: boolean,
): Html {
  const { lead, name } = by === 'image' ? imageParts(key) : { lead: '', name: harmless(key) }
  const sentence = by === 'image' ? imageSentence(imageNodes(key)) : groupSentence(members)
  return groupMarkup(
    key,
    lead,
    name,
    by === 'none' ? '' : sentence,
    html`${members.map(pull => rowView(pull, by, nowMs, seeding))}`,
  )
}

/** The browser fills the same, as it does with rows. */
const groupMarkup = (key: string, lead: string, name: string, sentence: string, rows: Html) =>
  html`<section class="group" data-key="${key}"><h2><bdi><span class="lead" data-slot="lead">${lead}</span><span data-slot="name">${name}</span></bdi> <small data-slot="sentence">${sentence}</small></h2><ul class="pulls">${rows}</ul></section>`

function emptyView({ pulls, nodes }: LiveFacts, filtered: boolean): Html {
  const text = filtered
    ? html`<h2>No pull matches</h2><p>Nothing that is pulled now has all that the filter asks for. What has ended is in the <a href="/history">history</a>.</p>`
    : nodes === 0
      ? html`<h2>No node reports yet</h2><p>An agent on each node tells of its pulls. In a cluster, <code>kubectl apply</code> a PulltraceConfig; on one machine, <code>pulltrace up</code> starts everything. Nodes that report are listed under <a href="/nodes">Nodes</a>.</p>`
      : html`<h2>Nothing is being pulled</h2><p>The next pull shows up here by itself. To see one, start a pod whose image its node does not have. What has ended is in the <a href="/history">history</a>.</p>`
  return html`<section id="empty" class="empty"${pulls.length > 0 && html` hidden`}>${text}</section>`
}
