import type { Layer, Pull } from '../../../core/contract/pull.ts'
import { isTerminal, type Phase } from '../../../core/contract/words.ts'
import {
  formatBytes,
  formatPercent,
  formatRate,
  formatSeconds,
  formatShare,
  formatTook,
} from '../../../core/lib/format.ts'
import { type Html, html } from '../../ui/html.ts'
import { timeTag } from '../../ui/time.ts'
import { layerWords } from './live/layer-words.ts'
import { failureOf, imageParts, rowOf } from './live/row.ts'
import { spansOf } from './spans.ts'

/** One pull: how far it is or how it ended, where its time went, its layers. */
export function pullPage(pull: Pull, nowMs: number): Html {
  const { lead, name } = imageParts(pull.imageRef)
  const row = rowOf(pull, nowMs)
  return html`<h1><bdi><span class="lead">${lead}</span>${name}</bdi></h1>
${pull.phase === 'failed' && html`<p class="notice bad">It failed: ${failureOf(pull.errorCode, pull.error)}.</p>`}
${pull.phase === 'unknown' && html`<p class="notice warn">It ended, and nobody saw how.</p>`}
${pull.stale && !isTerminal(pull.phase) && html`<p class="notice warn">The node has stopped reporting: this is what was last known.</p>`}
${(pull.violations ?? []).length > 0 && html`<p class="notice bad">It breaks ${pull.violations!.map(({ name }) => `‘${name}’`).join(', ')}.</p>`}
<div class="pull-state" data-mood="${row.mood}"><svg class="bar" role="img" aria-label="${row.spoken}" preserveAspectRatio="none"><rect class="track" width="100%" height="100%"/><rect class="down" width="${row.downloaded}%" height="100%"/><rect class="cached" width="${row.cached}%" height="100%"/><rect class="unpacked" y="60%" width="${row.unpacked}%" height="40%"/></svg>
<p>${[row.phase, row.size, row.rate, row.eta, row.note].filter(Boolean).join(' · ')}</p></div>
${timeline(pull, nowMs)}
<dl class="facts">
<dt>Node</dt><dd><a href="/?group=none&amp;node=${encodeURIComponent(pull.nodeName)}"><bdi>${pull.nodeName}</bdi></a></dd>
<dt>Image</dt><dd><code>${pull.imageRef}</code></dd>
${fact('Digest', pull.digest && html`<code>${pull.digest}</code>`)}
<dt>Started</dt><dd>${timeTag(pull.startedAt)}</dd>
${fact('Ended', pull.completedAt && timeTag(pull.completedAt))}
${fact('Waited in the kubelet', pull.queuedMs !== undefined && formatTook(pull.queuedMs / 1000))}
${fact('Size', pull.totalBytes !== undefined && formatBytes(pull.totalBytes))}
${fact('Already there', pull.cachedBytes > 0 && formatShare(pull.cachedBytes, pull.totalBytes ?? pull.cachedBytes))}
${fact('Average rate', isTerminal(pull.phase) && pull.bytesPerSec !== undefined && formatRate(pull.bytesPerSec))}
${fact('Error', pull.error && html`<code>${pull.errorCode ?? 'Unknown'}</code> <bdi>${pull.error}</bdi>`)}
${fact('Pods', pull.pods.length > 0 && pull.pods.map(pod => html`<div><bdi>${pod.namespace}/${pod.podName}</bdi> <span class="soft">${pod.container}${pod.workload !== undefined && html`, ${pod.workload}`}${!pod.certain && ', perhaps'}</span></div>`))}
<dt>Id</dt><dd><code>${pull.id}</code></dd>
</dl>
${layersOf(pull.layers ?? [], pull.phase)}
<p><a href="/history?image=${encodeURIComponent(pull.imageRef)}">Earlier pulls of this image</a></p>`
}

const fact = (label: string, value: Html | Html[] | string | false | undefined) =>
  value !== false && value !== undefined && value !== '' && html`<dt>${label}</dt><dd>${value}</dd>`

/** Where the time went: one bar, a part for each phase. */
function timeline(pull: Pull, nowMs: number): Html | undefined {
  const spans = spansOf(pull, nowMs)
  const total = spans.reduce((sum, span) => sum + span.seconds, 0)
  if (total <= 0) return undefined
  let at = 0
  const parts = spans.map(({ name, seconds }) => {
    const from = (100 * at) / total
    at += seconds
    return html`<rect class="span-${name}" x="${from.toFixed(2)}%" width="${((100 * seconds) / total).toFixed(2)}%" height="100%"/>`
  })
  const texts = spans.map(
    ({ name, seconds }) =>
      html`<li><svg class="key" aria-hidden="true"><rect class="span-${name}" width="100%" height="100%"/></svg>${name} <strong>${formatTook(seconds)}</strong> <span class="soft">${formatPercent(seconds, total)}</span></li>`,
  )
  return html`<h2>Where the time went</h2>
<svg class="timeline" role="img" aria-label="${spans.map(({ name, seconds }) => `${name} ${formatSeconds(seconds)}`).join(', ')}">${parts}</svg>
<ul class="keys">${texts}</ul>`
}

function layersOf(layers: readonly Layer[], phase: Phase): Html | undefined {
  if (layers.length === 0) return undefined
  const largest = Math.max(...layers.map(({ totalBytes }) => totalBytes), 1)
  return html`<h2>${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}</h2>
<div class="wide" role="region" aria-label="Layers" tabindex="0"><table><thead><tr><th>Layer</th><th>State</th><th class="number">Size</th><th>Of the largest</th><th class="number">Downloaded</th><th></th></tr></thead>
<tbody>${layers.map(
    layer => html`<tr><td><code title="${layer.digest}">${layer.digest.replace(/^[a-z0-9]+:/, '').slice(0, 12)}</code></td>
<td>${layerWords(layer, phase)}</td><td class="number">${layer.totalKnown ? formatBytes(layer.totalBytes) : ''}</td>
<td><svg class="bar small" aria-hidden="true"><rect class="track" width="${((100 * layer.totalBytes) / largest).toFixed(1)}%" height="100%"/><rect class="${layer.state === 'cached' ? 'cached' : 'down'}" width="${((100 * Math.min(layer.downloadedBytes, layer.totalBytes)) / largest).toFixed(1)}%" height="100%"/></svg></td>
<td class="number">${formatBytes(layer.downloadedBytes)}</td>
<td>${(layer.restarts ?? 0) > 0 && html`<span class="warn">began again ${layer.restarts === 1 ? 'once' : `${layer.restarts} times`}</span>`}</td></tr>`,
  )}</tbody></table></div>`
}
