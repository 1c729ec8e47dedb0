import type { NodeView } from '../../../core/contract/api.ts'
import { formatDurationMs } from '../../../core/lib/duration.ts'
import { formatRate, formatSeconds, formatShare } from '../../../core/lib/format.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'

/** Rows of one page: more nodes than these are looked for by the search of the browser elsewhere. */
const maxRows = 5000

/** Who reports, how often, and who has stopped. */
export function nodesPage(nodes: readonly NodeView[]): Html {
  const stale = nodes.filter(node => node.stale).length
  if (nodes.length === 0) {
    return html`<section class="empty"><h1>No node reports yet</h1><p>An agent on each node tells of its pulls. In a cluster, see that its DaemonSet runs: <code>kubectl -n pulltrace-agents get pods</code>. A node that stops reporting stays in this list for a day.</p></section>`
  }
  return html`<h1>Nodes</h1>
<p>${nodes.length} ${nodes.length === 1 ? 'node reports' : 'nodes report'}${stale > 0 && html`, <span class="warn">${stale} ${stale === 1 ? 'has' : 'have'} stopped</span>`}.</p>
<div class="wide" role="region" aria-label="Nodes" tabindex="0"><table>
<thead><tr><th>Node</th><th>State</th><th class="number">Pulls</th><th class="number">Downloaded</th><th class="number">Rate</th><th>Last report</th><th class="number">Every</th><th>Clock</th><th>Agent</th><th>Runtime</th></tr></thead>
<tbody>${nodes.slice(0, maxRows).map(nodeRow)}</tbody></table></div>
${nodes.length > maxRows && html`<p class="soft">${nodes.length - maxRows} more are told by the API, <a href="/api/v1/nodes">/api/v1/nodes</a>.</p>`}`
}

const nodeRow = (node: NodeView) => html`<tr>
<th scope="row"><a href="/?group=none&amp;node=${encodeURIComponent(node.nodeName)}"><bdi>${node.nodeName}</bdi></a></th>
<td>${node.stale ? html`<span class="warn">stopped</span>` : html`<span class="good">reports</span>`}${node.droppedTerminal > 0 && html` <span class="warn">forgot ${node.droppedTerminal} ended pulls</span>`}</td>
<td class="number">${node.activePulls}</td>
<td class="number">${node.totalBytes > 0 && formatShare(node.downloadedBytes, node.totalBytes)}</td>
<td class="number">${node.bytesPerSec > 0 && formatRate(node.bytesPerSec)}</td>
<td>${timeTag(node.lastReportAt)}</td>
<td class="number">${formatDurationMs(node.reportIntervalMs)}</td>
<td>${clockOf(node.clockSkewMs)}</td>
<td>${node.agentVersion}</td>
<td>${node.runtime}</td>
</tr>`

const clockOf = (skewMs: number | undefined) =>
  skewMs === undefined
    ? html`<span class="soft">right</span>`
    : html`<span class="warn">${formatSeconds(Math.abs(skewMs) / 1000)} ${skewMs > 0 ? 'ahead' : 'behind'}</span>`
