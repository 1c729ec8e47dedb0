import stringWidth from 'string-width'
import type { Pull } from '../../core/contract/pull.ts'
import { formatRate, formatSeconds, formatShare } from '../../core/lib/format.ts'
import { harmless } from '../../core/lib/harmless.ts'
import { barOf } from './bar.ts'
import { breaksText, etaSeconds, failureTexts, summaryTexts, troubleOf } from './describe-pull.ts'
import { cut, imageName } from './image-name.ts'
import { type Columns, middleOf, pad } from './layout.ts'
import type { Colors } from './render.ts'
import type { SeenPull } from './watch-view.ts'

/** One pull: image, phase where there is room, how far it is or how it ended, node. */
export function pullLine(seen: SeenPull, columns: Columns, nowMs: number, colors: Colors): string {
  const { pull } = seen
  const image = pad(imageName(pull.imageRef, columns.image), columns.image)
  const [middle, paint] = middleCell(seen, columns, nowMs, colors)
  const phase = columns.phase === 0 ? [] : [pad(cut(pull.phase, columns.phase), columns.phase)]
  const node = columns.node === 0 ? [] : [colors.dim(cut(harmless(pull.nodeName), columns.node, 'middle'))]
  const cells = [image, ...phase.map(text => paint(text)), middle, ...node]
  return cells.join(' ').trimEnd()
}

type Paint = (text: string) => string

/** How far it is, in exactly the middle columns, and the colour of the phase. */
function middleCell(seen: SeenPull, columns: Columns, nowMs: number, colors: Colors): [string, Paint] {
  const { pull } = seen
  const { middle } = columns
  const plain: Paint = text => text
  const longest = (texts: readonly string[]) =>
    pad(texts.find(text => stringWidth(text) <= middle) ?? cut(texts[0] ?? '', middle), middle)
  // The phase stands beside it already.
  const said = (texts: readonly string[]) =>
    columns.phase === 0 ? texts : texts.map(text => text.replace(/^(done|failed)(: |$)/, ''))
  const trouble = troubleOf(seen, nowMs)
  switch (pull.phase) {
    case 'completed':
      return [colors.green(longest(withBreaks(pull, said(summaryTexts(pull))))), colors.green]
    case 'failed':
      return [colors.red(failureText(said(failureTexts(pull)), middle)), colors.red]
    case 'unknown':
      return [colors.yellow(longest(['ended, nobody saw how', 'end not seen', 'unknown'])), colors.yellow]
    case 'queued':
      return [longest(['waiting for the node to begin', 'waiting', 'queued']), colors.dim]
    case 'resolving':
      return [longest([trouble ?? 'asking the registry', 'resolving', '?']), colors.dim]
    case 'lazy':
      return [longest(['fetched as it is read', 'lazy']), colors.cyan]
    case 'unpacking': {
      const total = pull.totalBytes ?? 0
      const percent = total === 0 ? 0 : Math.min(100, (100 * pull.unpackedBytes) / total)
      const detail = { percent, size: formatShare(pull.unpackedBytes, total), note: trouble ?? 'unpacking' }
      return [middleOf(columns, width => colors.cyan(barOf(percent, width)), detail), colors.cyan]
    }
    default: {
      const { percent, totalBytes } = pull
      const eta = etaSeconds(seen, nowMs)
      const detail = {
        percent,
        size: totalBytes === undefined ? '' : formatShare(pull.downloadedBytes, totalBytes),
        // Nothing yet is no rate.
        rate: pull.bytesPerSec ? formatRate(pull.bytesPerSec) : '',
        eta: eta === undefined ? '' : formatSeconds(eta),
        ...(trouble !== undefined && { note: trouble }),
      }
      const paintBar = trouble === undefined ? colors.green : colors.yellow
      return [middleOf(columns, width => paintBar(barOf(percent ?? 0, width)), detail), trouble ? colors.yellow : plain]
    }
  }
}

/** A line below that of a pull that goes on: which rules it breaks. */
export function breaksLines(pull: Pull, width: number, colors: Colors): string[] {
  const breaks = breaksText(pull)
  return breaks === undefined ? [] : [colors.red(cut(`  ! ${breaks}`, width))]
}

/** With the rules that it breaks as far as there is room for both; else with a mark alone. */
function withBreaks(pull: Pull, texts: readonly string[]): readonly string[] {
  const breaks = breaksText(pull)
  if (breaks === undefined) return texts
  return [...texts.map(text => `${text} ! ${breaks}`), ...texts.map(text => `${text} !`)]
}

/** The longest text that fits; a raw error is worth being cut when its plain words fit with room to spare. */
function failureText(texts: readonly string[], width: number): string {
  const fitting = texts.find(text => stringWidth(text) <= width)
  const [longest = ''] = texts
  if (fitting !== undefined && width - stringWidth(fitting) < 20) return pad(fitting, width)
  return pad(fitting === longest ? longest : cut(longest, width), width)
}
