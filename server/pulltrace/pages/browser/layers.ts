import type { Layer, Pull } from '../../../../core/contract/pull.ts'
import type { Phase } from '../../../../core/contract/words.ts'
import { formatBytes, formatShare } from '../../../../core/lib/format.ts'
import { harmless } from '../../../../core/lib/harmless.ts'
import { layerWords } from '../live/layer-words.ts'
import { ask } from './ask.ts'

const everyMs = 1000

/** Fills the layers of the rows that are open, and keeps them fresh while they are. */
export function watchLayers(root: HTMLElement): void {
  const open = new Set<HTMLDetailsElement>()
  root.addEventListener(
    'toggle',
    ({ target }) => {
      if (!(target instanceof HTMLDetailsElement)) return
      if (target.open) {
        open.add(target)
        void fill(target)
      } else open.delete(target)
    },
    true,
  )
  setInterval(() => {
    for (const details of open) {
      if (!details.isConnected) open.delete(details)
      else if (!document.hidden) void fill(details)
    }
  }, everyMs)
}

async function fill(details: HTMLDetailsElement): Promise<void> {
  const id = details.closest<HTMLElement>('.pull')?.dataset['id']
  const pull = await ask(`/api/v1/pulls/${id}`)
    .then(async answer => (answer.ok ? ((await answer.json()) as Pull) : undefined))
    .catch(() => undefined)
  // What is shown stays: the page says by itself that the server is away.
  if (pull === undefined) return
  const { layers = [], phase } = pull
  const table = document.createElement('table')
  table.className = 'layer-table'
  for (const layer of layers) {
    const line = table.insertRow()
    for (const text of cellsOf(layer, phase)) line.insertCell().textContent = text
  }
  const link = document.createElement('a')
  link.href = `/pulls/${id}`
  link.textContent = 'Timeline'
  details.querySelector('[data-slot="layers"]')?.replaceChildren(table, link)
}

function cellsOf(layer: Layer, phase: Phase): string[] {
  const { digest, totalBytes, downloadedBytes, totalKnown, restarts = 0 } = layer
  return [
    harmless(digest.replace(/^[a-z0-9]+:/, '').slice(0, 12)),
    layerWords(layer, phase),
    totalKnown ? formatShare(downloadedBytes, totalBytes) : formatBytes(downloadedBytes),
    restarts === 0 ? '' : `began again ${restarts === 1 ? 'once' : `${restarts} times`}`,
  ]
}
