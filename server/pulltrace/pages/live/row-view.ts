import type { Pull } from '../../../../core/contract/pull.ts'
import { isTerminal } from '../../../../core/contract/words.ts'
import { type Html, html } from '../../../ui/html.ts'
import type { Grouping } from './group.ts'
import { type Row, rowOf } from './row.ts'

/**
 * A row as the server makes it. The browser fills the same markup, from a template, through its `data-slot`s
 * (browser/row.ts), so what stands in a slot must come from `Row` alone. `seeding`: the browser goes on from here; an
 * end is told in any case, as no stream tells of it again.
 */
export function rowView(pull: Pull, by: Grouping, nowMs: number, seeding: boolean): Html {
  return markup(rowOf(pull, nowMs), by, seeding || isTerminal(pull.phase) ? JSON.stringify(pull) : undefined)
}

/** What the browser copies for a pull that the server did not show. */
export const rowTemplate = (by: Grouping): Html =>
  html`<template id="row">${markup(emptyRow, by, undefined)}</template>`

const emptyRow: Row = {
  ...{ id: '', mood: 'busy', lead: '', name: '', node: '', phase: '', downloaded: 0, cached: 0, unpacked: 0 },
  ...{ spoken: '', size: '', rate: '', eta: '', note: '', pods: '', violations: '' },
}

/** What the group's heading says is not said again in its rows. */
function markup(row: Row, by: Grouping, json: string | undefined): Html {
  const { id, mood, downloaded, cached, unpacked } = row
  const slot = (name: keyof Row) => html`<span class="${name}" data-slot="${name}">${row[name]}</span>`
  const image = html`${slot('lead')}${slot('name')}`
  return html`<li class="pull" data-id="${id}" data-mood="${mood}"${json !== undefined && html` data-pull="${json}"`}>
<a class="what" href="/pulls/${id}" data-slot="link"><bdi>${by === 'image' ? slot('node') : image}</bdi></a>
<div class="where"><bdi>${by === 'image' ? html`<span hidden>${image}</span>` : html`<span${by === 'node' && html` hidden`}>${slot('node')}</span>`}</bdi> ${slot('pods')}</div>
<svg class="bar" role="img" aria-label="${row.spoken}" data-slot="bar" preserveAspectRatio="none"><rect class="track" width="100%" height="100%"/><rect class="down" width="${downloaded}%" height="100%"/><rect class="cached" width="${cached}%" height="100%"/><rect class="unpacked" y="60%" width="${unpacked}%" height="40%"/></svg>
${slot('phase')}${slot('size')}${slot('rate')}${slot('eta')}
<div class="more">${slot('note')}${slot('violations')}</div>
<details class="layers"><summary>Layers</summary><div data-slot="layers"><a href="/pulls/${id}" data-slot="link">Its layers and timeline</a></div></details>
</li>
`
}
