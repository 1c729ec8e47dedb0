import stringWidth from 'string-width'
import type { Layer, Pull } from '../../core/contract/pull.ts'
import type { LayerState } from '../../core/contract/words.ts'
import { formatShare } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { barOf } from './bar.ts'
import { cut } from './image-name.ts'
import { pad } from './layout.ts'
import type { Colors } from './render.ts'

/** Layers with a line of their own; the others are counted. */
const busy: readonly LayerState[] = ['downloading', 'unpacking']

/** The layers of a pull, below its line: those at work one by one, the rest in one line of counts. */
export function layerLines({ layers = [] }: Pull, width: number, colors: Colors): string[] {
  const working = layers.filter(({ state }) => state !== undefined && busy.includes(state))
  const counts = new Map<string, number>()
  for (const { state } of layers) {
    if (state !== undefined && !busy.includes(state)) counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  const rest = [...counts].map(([state, count]) => `${count} ${state}`).join(', ')
  return [
    ...working.map(layer => layerLine(layer, width, colors)),
    ...(rest === '' ? [] : [colors.dim(cut(`  ${working.length > 0 ? 'others' : 'layers'}: ${rest}`, width))]),
  ]
}

function layerLine(
  { digest, state, totalBytes, downloadedBytes, totalKnown, restarts = 0 }: Layer,
  width: number,
  colors: Colors,
): string {
  const percent = totalBytes === 0 ? 0 : (100 * downloadedBytes) / totalBytes
  // Made harmless after it is cut: a cut may leave half a character.
  const name = harmless(digest.replace(/^[a-z0-9]+:/, '').slice(0, 12))
  const share = pad(totalKnown ? formatShare(downloadedBytes, totalBytes) : '', 13)
  const again = restarts === 0 ? '' : restarts === 1 ? ', began again once' : `, began again ${restarts} times`
  const bar = barOf(percent, Math.max(4, Math.min(24, width - 60)))
  const paint = state === 'unpacking' ? colors.cyan : colors.green
  const texts = [
    `  ${pad(name, 12)} ${paint(bar)} ${share} ${state}${again}`,
    `  ${pad(name, 12)} ${share} ${state}`,
    `  ${pad(cut(name, 8), 8)} ${share}`,
  ]
  return texts.find(text => stringWidth(text) <= width) ?? cut(texts[2]!, width)
}
